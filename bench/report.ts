import type { Cost } from './hawser.js';
import type { Operation } from './operations.js';
import { median, rounded, spreadOf } from './statistics.js';
import { tableOf } from './table.js';

/** One operation, measured once. */
export interface Sample {
  operation: Operation;
  /** From the request until it is done, as a caller sees it. */
  ms: number;
  cost: Cost;
  /** Inside the original's driver; undefined where it was not asked. */
  originalMs: number | undefined;
}

export type BenchDocument = ReturnType<typeof documentOf>;

/** All operations in the order in which they were measured. */
export function documentOf(samples: Sample[]) {
  const names = [...new Set(samples.map(({ operation }) => operation.name))];
  return {
    operations: names.map((name) => {
      const own = samples.filter(({ operation }) => operation.name === name);
      const wall = spreadOf(own.map(({ ms }) => ms));
      const originals = own.flatMap(({ originalMs }) => originalMs ?? []);
      const manila = originals.length > 0 ? spreadOf(originals) : undefined;
      const criticalPathMs = own[0]?.operation.criticalPathMs ?? 0;
      const cost = (which: keyof Cost) => median(own.map((sample) => sample.cost[which]));
      return {
        name,
        n: own.length,
        wallMs: wall.median,
        wallMinMs: wall.min,
        wallMaxMs: wall.max,
        criticalPathMs,
        overheadMs: wall.median - criticalPathMs,
        ratio: criticalPathMs > 0 ? rounded(wall.median / criticalPathMs) : null,
        manilaMs: manila?.median ?? null,
        manilaMinMs: manila?.min ?? null,
        manilaMaxMs: manila?.max ?? null,
        /** How many times faster than the original. */
        ahead: manila ? rounded(manila.median / wall.median) : null,
        requests: cost('requests'),
        commands: cost('commands'),
        events: cost('events'),
      };
    }),
  };
}

/** For people. */
export function tell({ operations }: BenchDocument): void {
  const table = tableOf([
    'ms',
    'Hawser',
    'min–max',
    'path',
    'over it',
    'ratio',
    'original',
    'min–max',
    'ahead',
    'requests',
    'commands',
    'events',
  ]);
  const orDash = (value: number | null) => value ?? '–';
  for (const one of operations) {
    table.push([
      one.name,
      one.wallMs,
      `${one.wallMinMs}–${one.wallMaxMs}`,
      one.criticalPathMs,
      one.overheadMs,
      orDash(one.ratio),
      orDash(one.manilaMs),
      one.manilaMinMs === null ? '–' : `${one.manilaMinMs}–${one.manilaMaxMs}`,
      orDash(one.ahead),
      one.requests,
      one.commands,
      one.events,
    ]);
  }
  process.stdout.write(`${table.toString()}\n`);
}
