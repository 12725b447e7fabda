import { execFile } from 'node:child_process';
import { stat, truncate } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Copies a sparse file onto a file of the same size or larger, which keeps its size and its holes. */
export async function copyDisk(from: string, to: string): Promise<void> {
  const { size } = await stat(to);
  await run('cp', ['--sparse=always', '--reflink=auto', from, to]);
  await truncate(to, size);
}
