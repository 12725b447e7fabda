/**
 * `npm run fuzz [-- --runs N] [--seed N] [-t NAME]`: all properties with many inputs, from one seed; says how many
 * each got, and how to repeat what failed.
 */
import { spawnSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { table } from '../../client/cli/tables.js';

const { values, positionals } = parseArgs({
  options: {
    runs: { type: 'string', default: '6000' },
    seed: { type: 'string', default: String(randomInt(2 ** 31)) },
    testNamePattern: { type: 'string', short: 't' },
  },
  allowPositionals: true,
});
const { runs, seed, testNamePattern: only } = values;

const folder = mkdtempSync(join(tmpdir(), 'hawser-fuzz-'));
const report = join(folder, 'report');
writeFileSync(report, '');
const files = positionals.length > 0 ? positionals : ['test/fuzz'];
const { status } = spawnSync(
  'npx',
  ['vitest', 'run', '--project', 'tier1', ...files, ...(only === undefined ? [] : ['-t', only])],
  {
    stdio: 'inherit',
    env: {
      ...process.env,
      HAWSER_FUZZ_RUNS: runs,
      HAWSER_FUZZ_SEED: seed,
      HAWSER_FUZZ_REPORT: report,
    },
  },
);

const result = z.object({ name: z.string(), inputs: z.number(), failed: z.boolean() });
const results = readFileSync(report, 'utf8')
  .split('\n')
  .filter(Boolean)
  .map((line) => result.parse(JSON.parse(line)));
rmSync(folder, { recursive: true });

const total = results.reduce((sum, { inputs }) => sum + inputs, 0);
const lines = [
  table(
    [
      { title: 'PROPERTY', value: ({ name }) => name },
      { title: 'INPUTS', value: ({ inputs }) => String(inputs) },
      { title: '', value: ({ failed }) => (failed ? 'FAILED' : '') },
    ],
    results.toSorted((a, b) => a.name.localeCompare(b.name)),
  ),
  `${total} inputs from seed ${seed}`,
  ...(status === 0 ? [] : [`Again with: npm run fuzz -- --runs ${runs} --seed=${seed}`]),
];
process.stdout.write(`${lines.join('\n')}\n`);
process.exitCode = status ?? 1;
