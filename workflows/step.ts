import { setCurrentDetails } from '@temporalio/workflow';

/** Options of a step that say what it does to what: on the timeline, and as the operation's current details. */
export function step(summary: string): { summary: string } {
  setCurrentDetails(`Now: ${summary}`);
  return { summary };
}
