import { execFile } from 'node:child_process';
import { stat, truncate } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Copies a sparse file with its holes; one that is already there and larger keeps its size. */
export async function copyDisk(from: string, to: string): Promise<void> {
  const sizes = await Promise.all([stat(from), stat(to).catch(() => undefined)]);
  const size = Math.max(...sizes.map((found) => found?.size ?? 0));
  await run('cp', ['--sparse=always', '--reflink=auto', from, to]);
  await truncate(to, size);
}
