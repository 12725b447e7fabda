import {
  ActivityFailure,
  ApplicationFailure,
  CancelledFailure,
  ChildWorkflowFailure,
  TerminatedFailure,
  TimeoutFailure,
  isCancellation,
} from '@temporalio/workflow';
import type { Problem } from './model.js';

/** The reason a person can act on, dug out of the failures that Temporal wrapped around it. */
export function problemOf(error: unknown): Problem {
  if (error instanceof ApplicationFailure) {
    return { type: error.type ?? 'Failed', message: error.message };
  }
  if (error instanceof ActivityFailure || error instanceof ChildWorkflowFailure) {
    return problemOf(error.cause);
  }
  if (error instanceof CancelledFailure || isCancellation(error)) {
    return { type: 'Cancelled', message: 'The operation was cancelled.' };
  }
  if (error instanceof TimeoutFailure) {
    // Why it took so long: what its last attempt failed with.
    if (error.cause instanceof ApplicationFailure) return problemOf(error.cause);
    return { type: 'TimedOut', message: `The operation took too long (${error.timeoutType}).` };
  }
  return { type: 'Failed', message: error instanceof Error ? error.message : String(error) };
}

/** A failed operation undid what it did; one that was ended from outside had no chance to. */
export function endedFromOutside(error: unknown): boolean {
  return (
    error instanceof ChildWorkflowFailure &&
    (error.cause instanceof TerminatedFailure || error.cause instanceof TimeoutFailure)
  );
}

/** Why something was not made that was ended from outside: what it had made by then is there. */
export const nothingUndone = ({ message }: Problem): Problem => ({
  type: 'UndoIncomplete',
  message: `${message}; what had been made by then was not undone`,
});

/** The same reason as a failure that a caller of an update receives. */
export function failureOf(problem: Problem): ApplicationFailure {
  return ApplicationFailure.nonRetryable(problem.message, problem.type);
}
