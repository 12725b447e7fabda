import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { filesOnDisk } from '../../faults/guests/files-on-disk.js';

const run = promisify(execFile);
const env = { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin:/sbin` };

test('files on a disk are read without mounting it, and nothing of that is left', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'hawser-disk-'));
  const [content, disk] = [join(folder, 'content'), join(folder, 'disk.raw')];
  const text = `${'line\n'.repeat(1000)}end`;
  await mkdir(content);
  await writeFile(join(content, 'written'), text);
  await run('mke2fs', ['-q', '-t', 'ext4', '-d', content, disk, '8M'], { env });
  const files = filesOnDisk(disk);
  expect(await files.read('written')).toBe(text);
  expect(await files.read('never-written')).toBeUndefined();
  expect(await files.names()).toEqual(['lost+found', 'written']);
  expect(await readdir(folder)).toEqual(['content', 'disk.raw']);
  await rm(folder, { recursive: true });
});
