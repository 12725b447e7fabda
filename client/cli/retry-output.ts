import type { Retry } from '../../workflows/model.js';
import { ago, humanDuration } from './time.js';

/** For a list of facts: why it is tried again, and when; nothing while nothing is. */
export function retryInWords(retry: Retry | undefined): string[] {
  if (!retry) return [];
  const { operation, reason, since, attempts, nextTry } = retry;
  const times = attempts === 1 ? 'once' : `${attempts} times`;
  const inMs = Date.parse(nextTry) - Date.now();
  const next = inMs > 0 ? `in ${humanDuration(inMs)} (${nextTry})` : 'now';
  return [
    `${operation} failed ${times}, first ${ago(since)}: ${reason}`,
    `next try ${next}; at once with: hawser retry`,
  ];
}

/** A status, with what tells that it may pass by itself. */
export const withRetry = ({ status, retry }: { status: string; retry?: Retry }): string =>
  retry ? `${status}, retried` : status;
