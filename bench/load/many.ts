import { openCloud } from '../../dev/cloud.js';
import { createTenantNetwork } from '../../dev/tenant-network.js';
import type { UndoStack } from '../../dev/undo-stack.js';
import { fewAtATime } from '../../workflows/few-at-a-time.js';
import { backend, costSince, markOf, openBench, type Bench, type Cost } from '../hawser.js';
import { createdFirstMs, createdMs, deletedMs } from '../operations.js';
import { quantile, rounded } from '../statistics.js';
import { undoneAtEnd } from '../undone-at-end.js';
import { useOf, type ProcessUse } from './processes.js';

export interface ManyOptions {
  /** Service instances, each in a tenant's network of its own. */
  instances: number;
  /** Shares on each; an instance takes 26. */
  shares: number;
  /** How many requests are under way at most. */
  inFlight: number;
  /** Numbers of worker processes; each is measured on a cloud of its own. */
  workers: number[];
  say: (text: string) => void;
}

/** One thing done to many shares. */
export interface Phase {
  name: string;
  shares: number;
  wallMs: number;
  perMinute: number;
  /** How much longer each took than what no driver can do without: half of them no more than this, in milliseconds. */
  overheadP50Ms: number;
  overheadP95Ms: number;
  /** Of one share, on average. */
  perShare: Cost;
}

export interface ManyRun {
  workers: number;
  phases: Phase[];
  /** While all shares are there. */
  processes: ProcessUse[];
}

export interface ManyDocument {
  instances: number;
  sharesOnEach: number;
  inFlight: number;
  runs: ManyRun[];
}

/** Shares on many service instances that come a few at a time, and go likewise. */
export async function measureMany(options: ManyOptions): Promise<ManyDocument> {
  const { instances, shares, inFlight } = options;
  const runs: ManyRun[] = [];
  for (const workers of options.workers) {
    runs.push(await undoneAtEnd((undo) => measureWith(workers, undo, options)));
  }
  return { instances, sharesOnEach: shares, inFlight, runs };
}

interface Placed {
  id: string;
  shareNetwork: string;
}

async function measureWith(
  workers: number,
  undo: UndoStack,
  { instances, shares, inFlight, say }: ManyOptions,
): Promise<ManyRun> {
  const bench = await openBench(undo, { workers });
  const networks = await makeNetworks(bench, instances);
  const onEach = (at: number): Placed[] =>
    networks.map((shareNetwork) => ({ id: `${shareNetwork}-${at}`, shareNetwork }));
  const first = onEach(0);
  const others = Array.from({ length: shares - 1 }, (_, at) => onEach(at + 1)).flat();
  const run = async (of: Placed[], phase: Job): Promise<Phase> => {
    const measured = await measurePhase(bench, { of, inFlight, ...phase });
    const seconds = Math.round(measured.wallMs / 1000);
    say(`many: ${measured.name}: ${of.length} in ${seconds} s, workers: ${workers}`);
    return measured;
  };
  const created = [
    await run(first, {
      name: 'first on their networks created',
      criticalPathMs: createdFirstMs,
      work: create,
    }),
    await run(others, {
      name: 'others created',
      criticalPathMs: createdMs,
      work: create,
    }),
  ];
  const processes = await useOf(bench.environment);
  const deleted = await run([...first, ...others], {
    name: 'all deleted',
    criticalPathMs: deletedMs,
    work: remove,
  });
  return { workers, phases: [...created, deleted], processes };
}

const madeAtOnce = 5;

/** Networks of the tenant's, one for each service instance; returns their names. */
async function makeNetworks({ environment, control }: Bench, instances: number): Promise<string[]> {
  const tenant = openCloud(environment.cloudsYaml, 'demo');
  try {
    const { projectId } = await tenant.session.authenticate();
    await control.unlimited(projectId);
    const numbers = Array.from({ length: instances }, (_, at) => at);
    return await fewAtATime(madeAtOnce, numbers, async (at) => {
      const { name } = await createTenantNetwork(tenant, `load-${at}`, `10.30.${at}.0/24`);
      return name;
    });
  } finally {
    await tenant.session.close();
  }
}

interface Job {
  name: string;
  criticalPathMs: number;
  work: (bench: Bench, share: Placed) => Promise<void>;
}

async function measurePhase(
  bench: Bench,
  { of, inFlight, name, criticalPathMs, work }: Job & { of: Placed[]; inFlight: number },
): Promise<Phase> {
  const mark = await markOf(bench);
  const began = performance.now();
  const overheads = await fewAtATime(inFlight, of, async (share) => {
    const since = performance.now();
    await work(bench, share);
    return performance.now() - since - criticalPathMs;
  });
  const wallMs = performance.now() - began;
  const { requests, commands, events } = await costSince(bench, mark);
  const perShare = (count: number) => rounded(count / of.length);
  return {
    name,
    shares: of.length,
    wallMs: Math.round(wallMs),
    perMinute: Math.round((of.length / wallMs) * 60_000),
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

async function create({ hawser }: Bench, { id, shareNetwork }: Placed): Promise<void> {
  await hawser.createShare({ id, protocol: 'NFS', sizeGib: 1, shareNetwork, backend });
  await hawser.waitForShare(id, waiting);
}

async function remove({ hawser }: Bench, { id }: Placed): Promise<void> {
  await hawser.deleteShare(id);
  await hawser.waitUntilDeleted(id, waiting);
}
