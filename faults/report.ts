import type { HostsKind } from '../devcloud/hosts/hosts.js';
import type { Outcome, Verdict } from './cells.js';
import { outcomeOf, type Finding } from './findings.js';

export type Report = ReturnType<typeof reportOf>;

interface Run {
  startedAt: number;
  planned: number;
  replayed: number;
  /** Ids that were asked for and are no cells. */
  unknown?: string[];
  hosts?: HostsKind;
  /** What the run was called with. */
  args?: string[];
}

const wholeRun = 'all/the-whole-run/';

/** On what no single cell is known to have done. */
export const verdictOnWhole = (what: string, findings: Finding[]): Verdict => ({
  cell: wholeRun + what,
  outcome: outcomeOf(findings),
  struck: false,
  findings: findings.map(({ outcome, text }) => `${outcome}: ${text}`),
  ms: 0,
});

/** What a run came to, as one JSON document. */
export function reportOf(
  verdicts: Verdict[],
  { startedAt, planned, replayed, unknown = [], hosts = 'simulated', args = [] }: Run,
) {
  const rerun = (cell: string) => {
    const again = hosts === 'qemu' ? ['--hosts', hosts, '--only', cell] : ['--only', cell];
    // With its logs, which nobody keeps otherwise.
    const whole = [...args.filter((arg) => arg !== '--keep'), '--keep'];
    const words = cell.startsWith(wholeRun) ? whole : again;
    return ['npm run faults --', ...words.map(quoted)].join(' ');
  };
  const count = (outcome: Outcome) => verdicts.filter((one) => one.outcome === outcome).length;
  const resumptions = verdicts
    .flatMap(({ resumptionMs }) => resumptionMs ?? [])
    .toSorted(numerically);
  return {
    cells: verdicts.length,
    passed: count('passed'),
    stuck: count('stuck'),
    leaked: count('leaked'),
    duplicated: count('duplicated'),
    lost: count('lost'),
    /** Ids that were asked for and are no cells. */
    unknown,
    /** Cells that a limit of time kept from running. */
    left: Math.max(0, planned - verdicts.length),
    /** Passed cells whose call never came, because the operation took another way this time. */
    notStruck: verdicts.filter(({ struck }) => !struck).map(({ cell }) => cell),
    /** Histories that were replayed. */
    replayed,
    wallSeconds: Math.round((Date.now() - startedAt) / 1000),
    /** From the kill of the worker to the first call of the next one, lane by lane. */
    resumptionMs: {
      median: resumptions[Math.floor(resumptions.length / 2)] ?? null,
      maximum: resumptions.at(-1) ?? null,
      n: resumptions.length,
    },
    byScenario: byPart(verdicts, 0),
    byKind: byPart(verdicts, -1),
    failed: verdicts
      .filter(({ outcome }) => outcome !== 'passed')
      .map(({ cell, outcome, struck, findings }) => ({
        cell,
        outcome,
        struck,
        findings,
        rerun: rerun(cell),
      })),
  };
}

/** As a shell takes it for one word. */
const quoted = (word: string): string =>
  /^[\w.-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;

const numerically = (a: number, b: number) => a - b;

/** How many cells ran and passed, by a part of their ids. */
function byPart(
  verdicts: Verdict[],
  part: number,
): Record<string, { cells: number; passed: number }> {
  const counts: Record<string, { cells: number; passed: number }> = {};
  for (const { cell, outcome } of verdicts) {
    const name = cell.split('/').at(part) ?? '';
    const entry = (counts[name] ??= { cells: 0, passed: 0 });
    entry.cells += 1;
    if (outcome === 'passed') entry.passed += 1;
  }
  return counts;
}

/** For people. */
export function tell(report: Report): void {
  const { passed, stuck, leaked, duplicated, lost, wallSeconds, resumptionMs, failed } = report;
  const { notStruck } = report;
  const ms = (value: number | null) => (value === null ? '–' : `${value} ms`);
  for (const { rerun } of failed) process.stdout.write(`  ${rerun}\n`);
  process.stdout.write(
    [
      `  Cells  ${passed} passed, ${failed.length} failed`,
      `         ${stuck} stuck, ${leaked} leaked, ${duplicated} duplicated, ${lost} lost`,
      `         ${notStruck.length} passed because the call did not come this time`,
      `   Time  ${wallSeconds} s`,
      `Resumed  after ${ms(resumptionMs.median)} (median), ${ms(resumptionMs.maximum)} (maximum)`,
      '',
    ].join('\n'),
  );
}
