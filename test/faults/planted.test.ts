import { expect, test } from 'vitest';
import { askedGoodRuns, unknownIds } from '../../faults/asked-for.js';
import type { Verdict } from '../../faults/cells.js';
import { huntIn } from '../../faults/planted/hunt.js';
import { reportOf } from '../../faults/report.js';

const failed = (cell: string, more: Partial<Verdict> = {}): Verdict => ({
  cell,
  outcome: 'lost',
  struck: true,
  findings: ['lost: something'],
  ms: 1,
  ...more,
});

const report = (verdicts: Verdict[], unknown: string[] = []) =>
  reportOf(verdicts, { startedAt: 0, planned: 1, replayed: 0, unknown });

const cell = 'createShare-nfs/POST volumes/crash-after';

test('a planted bug is found by a cell that was asked for, came to its call and failed', () => {
  expect(huntIn(report([failed(cell)]), [cell])).toEqual({
    found: [`${cell}: lost: something`],
    others: [],
  });
});

test.each([
  ['a cell that passed', { ...failed(cell), outcome: 'passed' as const, findings: [] }],
  ['a cell whose call never came', failed(cell, { struck: false })],
  ['a run without a fault', failed('createShare-nfs/good-run')],
  ['another cell', failed('createShare-nfs/POST volumes/503')],
])('%s does not find a planted bug', (_, verdict) => {
  const { found, others } = huntIn(report([verdict]), [cell]);
  expect(found).toEqual([]);
  expect(others).toHaveLength(verdict.outcome === 'passed' ? 0 : 1);
});

test('a planted bug whose cells there are not is a mistake, and no find', () => {
  expect(() => huntIn(report([failed(cell)], ['x/y/z']), [cell, 'x/y/z'])).toThrow('x/y/z');
});

test('what is asked for and is no cell is told, unless a failed good run hides the cells', () => {
  const cells = [{ id: cell }];
  const only = [cell, 'createShare-nfs/POST volumez/crash-after', 'nothing/good-run'];
  expect(unknownIds(only, { cells, verdicts: [] })).toEqual(only.slice(1));
  const bad = failed('extendShare/good-run');
  const others = ['extendShare/GET x/500', 'extendShare-cifs/GET x/500'];
  expect(unknownIds(others, { cells, verdicts: [bad] })).toEqual(others.slice(1));
  expect(unknownIds(undefined, { cells, verdicts: [] })).toEqual([]);
});

test('a good run can be asked for by the name that a report gives it', () => {
  const good = new Map([
    ['extendShare', { calls: [], before: [], after: [], instanceOnly: [], words: [] }],
  ]);
  const [verdict] = report([failed('extendShare/good-run')]).failed;
  expect(verdict?.rerun).toContain("--only 'extendShare/good-run'");
  const passed = askedGoodRuns(['extendShare/good-run', 'other/good-run', cell], good);
  expect(passed).toMatchObject([{ cell: 'extendShare/good-run', outcome: 'passed' }]);
  const known = { cells: [], verdicts: passed };
  expect(unknownIds(['extendShare/good-run'], known)).toEqual([]);
});
