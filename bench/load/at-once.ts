import { randomUUID } from 'node:crypto';
import type { UndoStack } from '../../dev/undo-stack.js';
import { openBench, shareNetwork, tenantOf, type Bench, type Cost } from '../hawser.js';
import { byTurns } from '../measure.js';
import {
  createdFirstMs,
  createdMs,
  deletedMs,
  firstShare,
  firstShareDeleted,
  uuid,
} from '../operations.js';
import { openOriginal } from '../original/beside.js';
import { OriginalFailed, type Command, type Original } from '../original/original.js';
import { median, rounded, spreadOf } from '../statistics.js';
import { undoneAtEnd } from '../undone-at-end.js';
import { makeNetworks } from './networks.js';
import { create, measurePhase, remove, type Job, type Phase, type Placed } from './phase.js';
import { useBefore, useOf, type ProcessUse } from './processes.js';

export interface AtOnceOptions {
  /** Shares; an instance takes 26. */
  atOnce: number;
  rounds: number;
  /** Whether the original is measured beside Hawser with the first number of workers. */
  original: boolean;
  /** Numbers of worker processes; each is measured on a cloud of its own. */
  workers: number[];
  say: (text: string) => void;
}

/** Medians of all rounds. */
export interface AtOncePhase extends Phase {
  rounds: number;
  wallMinMs: number;
  wallMaxMs: number;
  criticalPathMs: number;
  originalMs: number | null;
  originalMinMs: number | null;
  originalMaxMs: number | null;
  /** How many times faster than the original. */
  ahead: number | null;
}

export interface AtOnceRun {
  workers: number;
  phases: AtOncePhase[];
  processes: ProcessUse[];
}

export interface AtOnceDocument {
  atOnce: number;
  runs: AtOnceRun[];
}

/** Shares that come and go all at once: on a service instance that is ready, and on networks that have none yet. */
export async function measureAtOnce(options: AtOnceOptions): Promise<AtOnceDocument> {
  const runs: AtOnceRun[] = [];
  for (const [at, workers] of options.workers.entries()) {
    const original = options.original && at === 0;
    runs.push(
      await undoneAtEnd((undo) => measureWith({ ...options, original }, { undo, workers })),
    );
  }
  return { atOnce: options.atOnce, runs };
}

/** What all of the shares are told to do at once, in one round. */
interface Turn extends Job {
  of: Placed[];
  /** The same for the original. */
  commands?: Command[];
}

interface Round {
  job: Job;
  phase: Phase;
  originalMs: number | undefined;
}

async function measureWith(
  { atOnce: count, rounds, original: withOriginal, say }: AtOnceOptions,
  { undo, workers }: { undo: UndoStack; workers: number },
): Promise<AtOnceRun> {
  const bench = await openBench(undo, { workers });
  const original = withOriginal ? await openOriginal(undo, bench) : undefined;
  const server = randomUUID();
  const own = { bench, share: 'first', server, tenant: await tenantOf(bench) };
  // It makes the instance, and room for all: none of them shall go to another one.
  for (const operation of [firstShare, firstShareDeleted]) {
    await operation.hawser(own);
    for (const command of operation.original?.(own) ?? []) await original?.run(command);
  }
  const networks = await makeNetworks(bench, rounds);
  const measured: Round[] = [];
  let whileThere: ProcessUse[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    const ready = placed(`ready-${round}`, shareNetwork, count);
    const fresh = placed(`fresh-${round}`, networks[round - 1] ?? '', count);
    const turns: Turn[] = [
      {
        name: 'created on a ready instance',
        criticalPathMs: createdMs,
        work: create,
        of: ready,
        commands: ready.map(({ id }) => ({
          command: 'createShare',
          share: uuid(id),
          server,
          protocol: 'NFS',
          size: 1,
        })),
      },
      {
        name: 'deleted',
        criticalPathMs: deletedMs,
        work: remove,
        of: ready,
        commands: ready.map(({ id }) => ({ command: 'deleteShare', share: uuid(id) })),
      },
      {
        name: 'created on a network without an instance',
        criticalPathMs: createdFirstMs,
        work: create,
        of: fresh,
      },
    ];
    for (const turn of turns) measured.push(await inTurn(bench, original, { turn, round, say }));
    whileThere = await useOf(bench.environment);
    await Promise.allSettled(fresh.map((share) => remove(bench, share)));
    say(`at once: round ${round} of ${rounds}, workers: ${workers}`);
  }
  const processes = useBefore(whileThere, await useOf(bench.environment));
  const names = [...new Set(measured.map(({ job }) => job.name))];
  const phases = names.map((name) => mediansOf(measured.filter(({ job }) => job.name === name)));
  return { workers, phases, processes };
}

const placed = (prefix: string, network: string, count: number): Placed[] =>
  Array.from({ length: count }, (_, at) => ({ id: `${prefix}-${at}`, shareNetwork: network }));

async function inTurn(
  bench: Bench,
  original: Original | undefined,
  { turn, round, say }: { turn: Turn; round: number; say: (text: string) => void },
): Promise<Round> {
  const [phase, originalMs] = await byTurns(
    round,
    () => measurePhase(bench, { ...turn, inFlight: turn.of.length, say }),
    () => allAtOnce(original, turn),
  );
  return { job: turn, phase, originalMs };
}

async function allAtOnce(
  original: Original | undefined,
  { name, commands }: Turn,
): Promise<number | undefined> {
  if (!original || !commands) return undefined;
  const { ms, answers } = await original.many(commands);
  const failed = answers.find(({ ok }) => !ok);
  if (failed) throw new OriginalFailed(`${name}: ${failed.error}`);
  return ms;
}

function mediansOf(rounds: Round[]): AtOncePhase {
  const [first] = rounds;
  if (!first) throw new Error('nothing was measured');
  const of = (value: (phase: Phase) => number) => median(rounds.map(({ phase }) => value(phase)));
  const cost = (which: keyof Cost) => of(({ perShare }) => perShare[which]);
  const wall = spreadOf(rounds.map(({ phase }) => phase.wallMs));
  const originals = rounds.flatMap(({ originalMs }) => originalMs ?? []);
  const original = originals.length > 0 ? spreadOf(originals) : undefined;
  return {
    name: first.job.name,
    rounds: rounds.length,
    shares: of(({ shares }) => shares),
    failed: rounds.reduce((sum, { phase }) => sum + phase.failed, 0),
    criticalPathMs: first.job.criticalPathMs,
    wallMs: wall.median,
    wallMinMs: wall.min,
    wallMaxMs: wall.max,
    perMinute: of(({ perMinute }) => perMinute),
    overheadP50Ms: of(({ overheadP50Ms }) => overheadP50Ms),
    overheadP95Ms: of(({ overheadP95Ms }) => overheadP95Ms),
    perShare: { requests: cost('requests'), commands: cost('commands'), events: cost('events') },
    originalMs: original?.median ?? null,
    originalMinMs: original?.min ?? null,
    originalMaxMs: original?.max ?? null,
    ahead: original ? rounded(original.median / wall.median) : null,
  };
}
