import { condition } from '@temporalio/workflow';
import type { Problem, Retry } from './model.js';

const FIRST_PAUSE_MS = 60_000;
const LONGEST_PAUSE_MS = 3_600_000;

/**
 * After a failed try: when the next one begins, after twice the pause of before, an hour at most. What waited for another
 * operation is superseded.
 */
export function failedAgain(
  before: Retry | undefined,
  operation: string,
  { message }: Problem,
): Retry {
  const same = before?.operation === operation ? before : undefined;
  const attempts = (same?.attempts ?? 0) + 1;
  const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** (attempts - 1), LONGEST_PAUSE_MS);
  const now = Date.now();
  return {
    operation,
    reason: message,
    since: same?.since ?? new Date(now).toISOString(),
    attempts,
    nextTry: new Date(now + pauseMs).toISOString(),
  };
}

/** How long until it is due, at least the shortest time that a timer takes. */
export const msUntil = ({ nextTry }: Retry): number =>
  Math.max(1, Date.parse(nextTry) - Date.now());

export const isDue = ({ nextTry }: Retry): boolean => Date.parse(nextTry) <= Date.now();

/** Waits until `done`, or until one of these is due, and says whether it was `done`. */
export async function untilDue(done: () => boolean, retries: Retry[]): Promise<boolean> {
  if (retries.length > 0) return condition(done, Math.min(...retries.map(msUntil)));
  await condition(done);
  return true;
}

/** The problem of something that could not undo all, once nothing is left of it any more. */
export const withoutLeftovers = (problem: Problem | null): Problem => ({
  type: 'Undone',
  message: `${problem?.message ?? 'It failed'}. What was left then is removed now`,
});

/** What an operator's giving up leaves of the reason. */
export const givenUp = (retry: Retry | undefined): Problem => ({
  type: 'GivenUp',
  message: `Given up by the operator after ${retry?.attempts ?? 0} failed tries: ${retry?.reason ?? 'no reason is known'}`,
});
