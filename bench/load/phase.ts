import { fewAtATime } from '../../workflows/few-at-a-time.js';
import { backend, costSince, markOf, type Bench, type Cost } from '../hawser.js';
import { quantile, rounded } from '../statistics.js';

/** One thing done to many shares. */
export interface Phase {
  name: string;
  shares: number;
  /** How many of them failed; they are in no other number. */
  failed: number;
  wallMs: number;
  perMinute: number;
  /** How much longer each took than its critical path: half of them no more than this, in milliseconds. */
  overheadP50Ms: number;
  overheadP95Ms: number;
  /** Of one share, on average. */
  perShare: Cost;
}

/** A share and the network that it is for. */
export interface Placed {
  id: string;
  shareNetwork: string;
}

export interface Job {
  name: string;
  criticalPathMs: number;
  work: (bench: Bench, share: Placed) => Promise<void>;
}

interface PhaseOptions extends Job {
  of: Placed[];
  /** How many requests are under way at most. */
  inFlight: number;
  say: (text: string) => void;
}

/** Does it to all of the shares, a few at a time. What fails is told and counted. */
export async function measurePhase(
  bench: Bench,
  { of, inFlight, name, criticalPathMs, work, say }: PhaseOptions,
): Promise<Phase> {
  const mark = await markOf(bench);
  const began = performance.now();
  const took = await fewAtATime(inFlight, of, async (share) => {
    const since = performance.now();
    try {
      await work(bench, share);
      return performance.now() - since;
    } catch (error) {
      say(`${name}: ${share.id}: ${String(error)}`);
      return undefined;
    }
  });
  const wallMs = performance.now() - began;
  const done = took.filter((ms) => ms !== undefined);
  const overheads = done.map((ms) => ms - criticalPathMs);
  const { requests, commands, events } = await costSince(bench, mark);
  const perShare = (count: number) => rounded(count / done.length);
  return {
    name,
    shares: done.length,
    failed: of.length - done.length,
    wallMs: Math.round(wallMs),
    perMinute: Math.round((done.length / wallMs) * 60_000),
    overheadP50Ms: Math.round(quantile(0.5, overheads)),
    overheadP95Ms: Math.round(quantile(0.95, overheads)),
    perShare: {
      requests: perShare(requests),
      commands: perShare(commands),
      events: perShare(events),
    },
  };
}

/** Who waits is woken at the end of an operation; looking all the time would be most of what Temporal does. */
const waiting = { intervalMs: 5000 };

export async function create({ hawser }: Bench, { id, shareNetwork }: Placed): Promise<void> {
  await hawser.createShare({ id, protocol: 'NFS', sizeGib: 1, shareNetwork, backend });
  await hawser.waitForShare(id, waiting);
}

export async function remove({ hawser }: Bench, { id }: Placed): Promise<void> {
  await hawser.deleteShare(id);
  await hawser.waitUntilDeleted(id, waiting);
}
