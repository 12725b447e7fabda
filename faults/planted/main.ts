import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { project } from '../../setup/tools.mjs';
import { buildWith } from '../builds.js';
import { bugs, type Bug } from './bugs.js';
import { huntIn, type Hunt } from './hunt.js';

/** Runs the cells that must notice a bug on a worker that has it. */
async function hunt(bug: Bug): Promise<Hunt> {
  const directory = await mkdtemp(join(tmpdir(), 'hawser-planted-'));
  try {
    await buildWith(bug, directory);
    return huntIn(JSON.parse(await runMatrix(directory, bug.cells)), bug.cells);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function runMatrix(directory: string, cells: string[]): Promise<string> {
  const only = cells.flatMap((cell) => ['--only', cell]);
  const lanes = String(cells.length);
  const args = ['--import', 'tsx', 'faults/main.ts', '--json', '--lanes', lanes, ...only];
  return new Promise((resolve, reject) => {
    execFile(
      process.execPath,
      [...args, '--worker-directory', directory],
      { cwd: project, maxBuffer: 64 * 1024 * 1024 },
      (error, stdout, stderr) => {
        // Cells that fail are what we hope for; without a report something else went wrong.
        if (stdout === '') reject(new Error(stderr, { cause: error }));
        else resolve(stdout);
      },
    );
  });
}

const wanted = process.argv.slice(2);
let unnoticed = 0;
for (const bug of bugs) {
  if (wanted.length > 0 && !wanted.some((word) => bug.name.includes(word))) continue;
  const { found, others } = await hunt(bug);
  if (found.length === 0) unnoticed += 1;
  const words = found.length > 0 ? `found: ${found[0]}` : ['NOT FOUND', ...others].join('; ');
  process.stdout.write(`${bug.name}\n  ${words}\n`);
}
process.stdout.write(`${unnoticed} bugs went unnoticed\n`);
process.exitCode = unnoticed > 0 ? 1 : 0;
