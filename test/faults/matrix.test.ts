import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { callsOf } from '../../faults/calls.js';
import { cellsOf } from '../../faults/cells.js';
import { choose, shuffle } from '../../faults/choose.js';
import type { Entry } from '../../faults/control.js';
import { ofDifferences, outcomeOf } from '../../faults/findings.js';
import { differences } from '../../faults/picture.js';
import { newerBuild } from '../../faults/builds.js';
import { bugs } from '../../faults/planted/bugs.js';
import { reportOf } from '../../faults/report.js';
import { project } from '../../setup/tools.mjs';

const id = '1bd4cc8a-2a24-4a68-a9a0-3a2d4b2a1d3f';
const other = 'd0a3cd9e-7b5b-4a55-8f27-0d2c9d4b1e11';

const entry = (method: string, path: string, more: Partial<Entry> = {}): Entry => ({
  number: 1,
  service: 'volume',
  operation: null,
  project: 'p',
  method,
  path,
  status: 200,
  at: 0,
  ...more,
});

const run: Entry[] = [
  entry('GET', `/volume/v3/volumes/detail?name=manila-share-x&limit=100`),
  entry('POST', '/volume/v3/volumes', { operation: 'volume.create' }),
  entry('GET', `/volume/v3/volumes/${id}`),
  entry('GET', `/volume/v3/volumes/${id}`),
  entry('GET', `/volume/v3/volumes/${id}`),
  entry('POST', '/volume/v3/volumes', { project: 'another' }),
  entry('RUN', 'mount-share', { service: 'ssh', operation: 'ssh.command' }),
];

test('calls are learnt from a run: of one project, without ids, those of a kind a few times', () => {
  const calls = callsOf(run, 'p');
  expect(calls.map(({ name }) => name)).toEqual([
    'GET volumes/detail?name',
    'POST volumes',
    'GET volumes/{id}',
    'GET volumes/{id}#2',
    'ssh mount-share',
  ]);
  expect(calls.map(({ skip }) => skip)).toEqual([0, 0, 0, 1, 0]);
});

test('a call is found again in another run, and nothing else is taken for it', () => {
  const [list, create, show, , mount] = callsOf(run, 'p').map(
    ({ match }) => new RegExp(match.path ?? ''),
  );
  expect('/volume/v3/volumes/detail?name=other&limit=100').toMatch(list ?? '');
  expect('/volume/v3/volumes/detail?metadata=x').not.toMatch(list ?? '');
  expect('/volume/v3/volumes').toMatch(create ?? '');
  expect(`/volume/v3/volumes/${other}`).not.toMatch(create ?? '');
  expect(`/volume/v3/volumes/${other}`).toMatch(show ?? '');
  expect(`/volume/v3/volumes/${other}/action`).not.toMatch(show ?? '');
  expect('mount-share').toMatch(mount ?? '');
  expect('unmount-share').not.toMatch(mount ?? '');
});

test('a worker dies at every call of every operation, a fault of a step is tried in one of them', () => {
  const calls = callsOf(run, 'p');
  const operate = async () => undefined;
  const cells = cellsOf([
    { scenario: { name: 'createShare-nfs', operate }, calls },
    { scenario: { name: 'createShare-cifs', operate }, calls },
    { scenario: { name: 'deleteShare', operate }, calls },
  ]);
  const ids = cells.map((cell) => cell.id);
  expect(new Set(ids).size).toBe(ids.length);
  expect(ids.filter((one) => one.endsWith('POST volumes/crash-after'))).toHaveLength(3);
  expect(ids.filter((one) => one.endsWith('POST volumes/503'))).toEqual([
    'createShare-nfs/POST volumes/503',
    'deleteShare/POST volumes/503',
  ]);
  expect(
    choose(cells, { kind: ['503'], scenario: ['deleteShare'] }).map((cell) => cell.id),
  ).toEqual(ids.filter((one) => one.startsWith('deleteShare/') && one.endsWith('/503')));
  const some = choose(cells, { seed: 7, cells: 10 });
  expect(some).toHaveLength(10);
  expect(choose(cells, { seed: 7, cells: 10 })).toEqual(some);
  expect(choose(cells, { seed: 8, cells: 10 })).not.toEqual(some);
});

test('a shuffle keeps everything', () => {
  expect(new Set(shuffle([1, 2, 3, 4, 5], 3))).toEqual(new Set([1, 2, 3, 4, 5]));
});

test('what is there, not there, or there twice is told apart, and the worst counts', () => {
  const expected = ['a', 'b'];
  const found = (actual: string[]) => ofDifferences(differences(expected, actual), expected);
  expect(found(['b', 'a'])).toEqual([]);
  expect(found(['a', 'a', 'b'])).toEqual([{ outcome: 'duplicated', text: 'once too often: a' }]);
  expect(found(['a', 'b', 'c'])).toEqual([{ outcome: 'leaked', text: 'left: c' }]);
  expect(found(['b', 'c'])).toContainEqual({ outcome: 'lost', text: 'not there: a' });
  expect(outcomeOf(found(['b', 'c']))).toBe('lost');
  expect(outcomeOf([])).toBe('passed');
});

test('a report counts, and tells how to run again what failed', () => {
  const verdict = { struck: true, findings: [], ms: 1 };
  const report = reportOf(
    [
      { ...verdict, cell: 'a/GET x/500', outcome: 'passed' },
      { ...verdict, cell: 'a/GET y/crash-after', outcome: 'passed', resumptionMs: 5000 },
      { ...verdict, cell: 'b/GET x/500', outcome: 'leaked', findings: ['leaked: x'] },
    ],
    { startedAt: Date.now(), planned: 5, replayed: 0 },
  );
  expect(report).toMatchObject({
    cells: 3,
    passed: 2,
    leaked: 1,
    lost: 0,
    left: 2,
    resumptionMs: { median: 5000, maximum: 5000, n: 1 },
    byScenario: { a: { cells: 2, passed: 2 }, b: { cells: 1, passed: 0 } },
    failed: [{ cell: 'b/GET x/500', rerun: "npm run faults -- --only 'b/GET x/500'" }],
  });
});

const builds = [...bugs, { name: 'a newer build', ...newerBuild }];
test.each(builds)('the sources have what is changed for a build: $name', async ({ file, find }) => {
  const text = await readFile(join(project, file), 'utf8');
  expect(text.split(find)).toHaveLength(2);
});
