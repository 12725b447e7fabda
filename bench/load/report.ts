import { tell, type BenchDocument } from '../report.js';
import { tableOf } from '../table.js';
import type { GrowthDocument, GrowthStage } from './growth.js';
import type { ManyDocument } from './many.js';
import type { ProcessUse } from './processes.js';

/** What was measured, by scenario. */
export interface LoadDocument {
  atOnce?: BenchDocument;
  many?: ManyDocument;
  growth?: GrowthDocument;
}

/** For people. */
export function tellLoad({ atOnce, many, growth }: LoadDocument): void {
  if (atOnce) tell(atOnce);
  if (many) tellMany(many);
  if (growth) tellGrowth(growth);
}

function tellMany({ instances, sharesOnEach, inFlight, runs }: ManyDocument): void {
  say(`${instances * sharesOnEach} shares on ${instances} instances, ${inFlight} requests at once`);
  const table = tableOf([
    'workers',
    'shares',
    'number',
    's',
    'a minute',
    'overhead p50, ms',
    'p95',
    'requests each',
    'commands',
    'events',
  ]);
  for (const { workers, phases } of runs) {
    for (const one of phases) {
      table.push([
        workers,
        one.name,
        one.shares,
        (one.wallMs / 1000).toFixed(1),
        one.perMinute,
        one.overheadP50Ms,
        one.overheadP95Ms,
        one.perShare.requests,
        one.perShare.commands,
        one.perShare.events,
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
    ...later.flatMap((count) => [String(count), '×']),
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
      ...own.flatMap(({ wallMs, timesFirst }, stage) =>
        stage === 0 ? [wallMs] : [wallMs, timesFirst],
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
