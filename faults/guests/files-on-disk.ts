import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { promisify } from 'node:util';
import type { Files } from '../guests.js';

const run = promisify(execFile);

/** Reads an ext4 file system in a raw file without mounting it. */
export const filesOnDisk = (file: string): Files => ({
  read: async (name) => (await ask(file, `cat /${name}`)) || undefined,
  // "/INODE/MODE/UID/GID/NAME/SIZE/" each.
  names: async () => {
    const lines = (await ask(file, 'ls -p /')).split('\n');
    return lines.map((line) => line.split('/')[5] ?? '').filter((name) => /[^.]/.test(name));
  },
});

/** Of a copy: what is still in its journal has to get its place first, and the disk may be attached. */
async function ask(file: string, request: string): Promise<string> {
  const copy = `${file}.look`;
  try {
    await run('cp', ['--sparse=always', file, copy]);
    await run('e2fsck', ['-p', copy], searching).catch(() => undefined);
    return (await run('debugfs', ['-R', request, copy], searching)).stdout;
  } finally {
    await rm(copy, { force: true });
  }
}

/** A user's path often lacks where these tools are. */
const searching = { env: { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin:/sbin` } };
