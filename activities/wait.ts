import { Context, log, sleep } from '@temporalio/activity';
import { permanent, type FailureType } from './failures.js';
import { LookingTimes } from './looking-times.js';
import { reportProgress } from './progress.js';

interface Wait<T> {
  /** For messages: `volume 1234 of share s1`. */
  what: string;
  look: () => Promise<T>;
  /** What takes about as long each time: looks are timed by the waits before. */
  kind: string;
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

const times = new LookingTimes();

/** Looks until `done`, through whatever states come meanwhile, and logs each. Safe to repeat. */
export async function waitUntil<T>(wait: Wait<T>): Promise<T> {
  const before = watchedBefore();
  let watchedMs = before;
  let last = Date.now();
  let known = '';
  let paused = 0;
  const pauses = times.pauses(wait.kind, before);
  for (;;) {
    const seen = await wait.look();
    if (wait.done(seen)) {
      // What was there at once, or was watched by another worker before, says nothing of how long it takes.
      if (paused > 0 && before === 0) {
        times.remember(wait.kind, watchedMs + Date.now() - last, paused);
      }
      return seen;
    }
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
    paused += 1;
    await sleep(pauses.next().value);
  }
}

function watchedBefore(): number {
  const details: unknown = Context.current().info.heartbeatDetails;
  if (typeof details !== 'object' || details === null || !('watchedMs' in details)) return 0;
  return typeof details.watchedMs === 'number' ? details.watchedMs : 0;
}
