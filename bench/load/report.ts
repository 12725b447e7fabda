import { tableOf } from '../table.js';
import type { AtOnceDocument } from './at-once.js';
import type { GrowthDocument, GrowthStage } from './growth.js';
import type { ManyDocument } from './many.js';
import type { Phase } from './phase.js';
import type { ProcessUse } from './processes.js';

/** What was measured, by scenario. */
export interface LoadDocument {
  atOnce?: AtOnceDocument;
  many?: ManyDocument;
  growth?: GrowthDocument;
}

/** For people. */
export function tellLoad({ atOnce, many, growth }: LoadDocument): void {
  if (atOnce) tellAtOnce(atOnce);
  if (many) tellMany(many);
  if (growth) tellGrowth(growth);
}

function tellAtOnce({ atOnce, runs }: AtOnceDocument): void {
  say(`${atOnce} NFS shares at once`);
  const table = tableOf([
    'workers',
    'shares',
    'ms',
    'min–max',
    'path',
    'original',
    'min–max',
    'ahead',
    ...perShareHead,
  ]);
  for (const { workers, phases } of runs) {
    for (const one of phases) {
      table.push([
        workers,
        named(one),
        one.wallMs,
        `${one.wallMinMs}–${one.wallMaxMs}`,
        one.criticalPathMs,
        one.originalMs ?? '–',
        one.originalMs === null ? '–' : `${one.originalMinMs}–${one.originalMaxMs}`,
        one.ahead ?? '–',
        ...perShareCells(one),
      ]);
    }
  }
  say(table.toString());
  tellProcesses(
    'workers',
    runs.map(({ workers, processes }) => ({ beside: workers, processes })),
  );
}

const perShareHead = ['a minute', 'overhead p50, ms', 'p95', 'requests each', 'commands', 'events'];

const perShareCells = (one: Phase): number[] => [
  one.perMinute,
  one.overheadP50Ms,
  one.overheadP95Ms,
  one.perShare.requests,
  one.perShare.commands,
  one.perShare.events,
];

const named = ({ name, failed }: Phase): string =>
  failed === 0 ? name : `${name}; ${failed} FAILED`;

function tellMany({ instances, sharesOnEach, inFlight, runs }: ManyDocument): void {
  say(`${instances * sharesOnEach} shares on ${instances} instances, ${inFlight} requests at once`);
  const table = tableOf(['workers', 'shares', 'number', 's', ...perShareHead]);
  for (const { workers, phases } of runs) {
    for (const one of phases) {
      table.push([
        workers,
        named(one),
        one.shares,
        (one.wallMs / 1000).toFixed(1),
        ...perShareCells(one),
      ]);
    }
  }
  say(table.toString());
  tellProcesses(
    'workers',
    runs.map(({ workers, processes }) => ({ beside: workers, processes })),
  );
}

function tellGrowth({ stages, requestsForIdleShares }: GrowthDocument): void {
  say(
    'Idle shares are workflows that run, without anything in the cloud; ' +
      `requests to it while they were started: ${requestsForIdleShares}`,
  );
  const counts = stages.map(({ idleShares }) => idleShares);
  const [first, ...later] = counts;
  const table = tableOf([
    'ms beside idle shares',
    String(first),
    ...later.flatMap((count) => [String(count), '×', '× over path']),
    'requests',
    'commands',
    'events',
  ]);
  for (const [at, { name }] of (stages[0]?.operations ?? []).entries()) {
    const own = stages.flatMap(({ operations }) => operations[at] ?? []);
    const of = (which: 'requests' | 'commands' | 'events') =>
      own.map((operation) => operation[which]).join(' / ');
    table.push([
      name,
      ...own.flatMap(({ wallMs, timesFirst, overheadTimesFirst }, stage) =>
        stage === 0 ? [wallMs] : [wallMs, timesFirst, overheadTimesFirst],
      ),
      of('requests'),
      of('commands'),
      of('events'),
    ]);
  }
  say(table.toString());
  tellProcesses(
    'idle shares',
    stages.map(({ idleShares, processes }: GrowthStage) => ({ beside: idleShares, processes })),
  );
}

function tellProcesses(what: string, rows: { beside: number; processes: ProcessUse[] }[]): void {
  const table = tableOf([what, 'process', 'RSS, MiB', 'peak, MiB', 'CPU, s']);
  for (const { beside, processes } of rows) {
    for (const { name, rssMiB, peakMiB, cpuSeconds } of processes) {
      table.push([beside, name, rssMiB, peakMiB, cpuSeconds]);
    }
  }
  say(table.toString());
}

const say = (text: string) => void process.stdout.write(`${text}\n`);
