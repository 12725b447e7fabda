import { setCurrentDetails, workflowInfo } from '@temporalio/workflow';
import { waitingTaskQueue } from './model.js';

/** Options of a step that say what it does to what: on the timeline, and as the operation's current details. */
export function step(summary: string): { summary: string } {
  setCurrentDetails(`Now: ${summary}`);
  return { summary };
}

/**
 * The same for one that waits for another workflow. It takes none of the slots that a worker has for steps: the other's may
 * be among those that want one.
 */
export function waitingStep(summary: string): { summary: string; taskQueue: string } {
  return { ...step(summary), taskQueue: waitingTaskQueue(workflowInfo().taskQueue) };
}
