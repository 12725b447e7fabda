import { Context, log, sleep } from '@temporalio/activity';
import { permanent, type FailureType } from './failures.js';
import { reportProgress } from './progress.js';

interface Wait<T> {
  /** For messages: `volume 1234 of share s1`. */
  what: string;
  look: () => Promise<T>;
  /** The state in a word or two, shown while waiting. */
  describe: (seen: T) => string;
  /** True when it is there; throws to stop at once on a state that never gets better. */
  done: (seen: T) => boolean;
  /** Time spent watching, in milliseconds; while no worker watches the clock stands still. */
  limitMs: number;
  onTimeout: FailureType;
  /** What to do when it took too long. */
  advice?: string;
}

/**
 * Polls with growing intervals (0.2 s to 2 s) until `done`, through whatever states come meanwhile, and logs each. Safe
 * to repeat.
 */
export async function waitUntil<T>(wait: Wait<T>): Promise<T> {
  let watchedMs = watchedBefore();
  let last = Date.now();
  let known = '';
  for (let pauseMs = 200; ; pauseMs = Math.min(pauseMs * 1.3, 2000)) {
    const seen = await wait.look();
    if (wait.done(seen)) return seen;
    watchedMs += Date.now() - last;
    last = Date.now();
    const state = wait.describe(seen);
    if (watchedMs > wait.limitMs) {
      throw permanent(
        wait.onTimeout,
        `${wait.what} is still ${state} after ${Math.round(wait.limitMs / 1000)} s${wait.advice ? `. ${wait.advice}` : ''}`,
      );
    }
    // Of a state that nobody here knows there is no more to tell.
    if (state !== known) log.info(`${wait.what} is ${state}, waiting`);
    known = state;
    reportProgress({ state, watchedMs });
    await sleep(pauseMs);
  }
}

function watchedBefore(): number {
  const details: unknown = Context.current().info.heartbeatDetails;
  if (typeof details !== 'object' || details === null || !('watchedMs' in details)) return 0;
  return typeof details.watchedMs === 'number' ? details.watchedMs : 0;
}
