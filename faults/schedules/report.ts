import type { Outcome } from '../cells.js';
import type { ScheduleVerdict } from './run-schedule.js';

export type ScheduleReport = ReturnType<typeof reportOf>;

interface Run {
  startedAt: number;
  seeds: { from: number; to: number };
  planned: number;
  kills: number;
  /** How many histories were replayed. */
  replayed: number;
  /** Where a secret was told. */
  secrets: string[];
}

/** What a run came to, as one JSON document. */
export function reportOf(
  verdicts: ScheduleVerdict[],
  { startedAt, seeds, planned, kills, replayed, secrets }: Run,
) {
  const count = (outcome: Outcome) => verdicts.filter((one) => one.outcome === outcome).length;
  const faults: Record<string, number> = {};
  for (const kind of verdicts.flatMap(({ struck }) => struck)) {
    faults[kind] = (faults[kind] ?? 0) + 1;
  }
  return {
    schedules: verdicts.length,
    passed: count('passed'),
    stuck: count('stuck'),
    leaked: count('leaked'),
    duplicated: count('duplicated'),
    lost: count('lost'),
    /** Schedules that a limit of time kept from running, or lanes that went out. */
    left: planned - verdicts.length,
    seeds,
    operations: verdicts.reduce((sum, { operations }) => sum + operations, 0),
    /** How many struck, by kind. */
    faults,
    /** How often the worker was killed; every lane feels each. */
    kills,
    replayed,
    secrets,
    wallSeconds: Math.round((Date.now() - startedAt) / 1000),
    failed: verdicts
      .filter(({ outcome }) => outcome !== 'passed')
      .map(({ seed, outcome, findings }) => ({
        seed,
        outcome,
        findings,
        rerun: `npm run schedules -- --only ${seed}`,
      })),
  };
}

/** For people. */
export function tell(report: ScheduleReport): void {
  const { schedules, passed, stuck, leaked, duplicated, lost, seeds, failed } = report;
  const struck = Object.values(report.faults).reduce((sum, count) => sum + count, 0);
  for (const { rerun } of failed) process.stdout.write(`  ${rerun}\n`);
  for (const secret of report.secrets) process.stdout.write(`  ${secret}\n`);
  process.stdout.write(
    [
      ` Schedules  ${schedules} of seeds ${seeds.from} to ${seeds.to}: ${passed} passed, ${failed.length} failed`,
      `            ${stuck} stuck, ${leaked} leaked, ${duplicated} duplicated, ${lost} lost`,
      `Operations  ${report.operations}`,
      `    Faults  ${struck} struck, and the worker was killed ${report.kills} times`,
      `  Replayed  ${report.replayed} histories`,
      `      Time  ${report.wallSeconds} s`,
      '',
    ].join('\n'),
  );
}
