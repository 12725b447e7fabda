import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openBench, type Bench, type BenchOptions } from './bench.js';
import { LaneKeeper } from './lane-base.js';
import type { Place } from './place.js';

interface Options extends Omit<BenchOptions, 'stateDir' | 'signal'> {
  /** Leaves the state directory for a look at its logs, and says where it is. */
  keep: boolean;
}

/**
 * Opens a bench and closes it when the work on it is done, also when somebody ends this process: what it started has sessions
 * of its own and would go on.
 */
export async function withBench<T>(
  { keep, ...options }: Options,
  work: (bench: Bench, places: Place[]) => Promise<T>,
): Promise<T> {
  const stateDir = await mkdtemp(join(tmpdir(), 'hawser-faults-'));
  if (keep) process.stderr.write(`State and logs: ${stateDir}\n`);
  const signal = endedSignal();
  const bench = await openBench({ ...options, stateDir, signal });
  const finish = async () => {
    await bench.close();
    if (!keep) await rm(stateDir, { recursive: true, force: true });
  };
  signal.addEventListener('abort', () => {
    // What is under way now fails in whatever way; it shall not keep us from ending what we started.
    process.on('uncaughtException', () => undefined).on('unhandledRejection', () => undefined);
    void finish().finally(() => process.exit(143));
  });
  try {
    const places = await Promise.all(
      bench.lanes.map(async (lane): Promise<Place> => {
        return { bench, lane, keeper: await LaneKeeper.of(bench, lane) };
      }),
    );
    return await work(bench, places);
  } finally {
    await finish();
  }
}

/** Aborts when somebody ends this process; npm, when it is killed, does not tell what it runs. */
function endedSignal(): AbortSignal {
  const ended = new AbortController();
  const parent = process.ppid;
  const end = () => ended.abort(new Error('ended from outside'));
  process.once('SIGINT', end).once('SIGTERM', end);
  setInterval(() => {
    if (process.ppid !== parent) end();
  }, 1000).unref();
  return ended.signal;
}
