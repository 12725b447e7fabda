import type { UndoStack } from '../../dev/undo-stack.js';
import { openBench } from '../hawser.js';
import { createdFirstMs, createdMs, deletedMs } from '../operations.js';
import { undoneAtEnd } from '../undone-at-end.js';
import { makeNetworks } from './networks.js';
import { create, measurePhase, remove, type Job, type Phase, type Placed } from './phase.js';
import { useBefore, useOf, type ProcessUse } from './processes.js';

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

export interface ManyRun {
  workers: number;
  phases: Phase[];
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
  const run = async (of: Placed[], job: Job): Promise<Phase> => {
    const measured = await measurePhase(bench, { of, inFlight, say, ...job });
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
  const whileThere = await useOf(bench.environment);
  const deleted = await run([...first, ...others], {
    name: 'all deleted',
    criticalPathMs: deletedMs,
    work: remove,
  });
  const processes = useBefore(whileThere, await useOf(bench.environment));
  return { workers, phases: [...created, deleted], processes };
}
