import { execFile } from 'node:child_process';
import { mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Cloud } from '../cloud.js';
import { copyDisk } from '../hosts/copy-disk.js';
import type { VolumeFile } from '../hosts/hosts.js';

const run = promisify(execFile);
const gib = 1024 ** 3;

/** A volume is a raw sparse file, and a snapshot is a copy of it. */
export const volumeFile = ({ stateDir }: Cloud, id: string): VolumeFile => ({
  id,
  file: join(stateDir, 'volumes', `${id}.raw`),
});

export const snapshotFile = ({ stateDir }: Cloud, id: string): VolumeFile => ({
  id,
  file: join(stateDir, 'snapshots', `${id}.raw`),
});

export async function makeStores({ stateDir }: Cloud): Promise<void> {
  await mkdir(join(stateDir, 'volumes'), { recursive: true });
  await mkdir(join(stateDir, 'snapshots'), { recursive: true });
}

/** Makes the file, or makes it larger; what is in it stays. */
export async function setSize({ file }: VolumeFile, sizeGib: number): Promise<void> {
  const handle = await open(file, 'a', 0o600);
  try {
    await handle.truncate(sizeGib * gib);
  } finally {
    await handle.close();
  }
}

export async function copyImage(image: string, format: string, to: VolumeFile): Promise<void> {
  if (format === 'raw') return copyDisk(image, to.file);
  await run('qemu-img', ['convert', '-f', format, '-O', 'raw', image, to.file]);
}

/** A file system that nobody of ours put there. */
export async function makeDirty({ file }: VolumeFile): Promise<void> {
  await run('mkfs.ext4', ['-q', '-F', '-L', 'foreign', file]);
}
