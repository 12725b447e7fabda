import { open, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CloudControl } from '../control.js';
import { exportedIn, isKeptLock, linesOf, type Guest, type Guests, type Mount } from '../guests.js';

const configuration = ['etc/fstab', 'etc/exports', 'var/lib/nfs/etab', 'var/lib/samba/registry'];

/** Simulated hosts are directories of the embedded cloud's. */
export function simulatedGuests(cloudDir: string, control: CloudControl): Guests {
  const machines = join(cloudDir, 'hosts/machines');
  return {
    look: (serverId) => look(machines, serverId),
    filesOn: (volumeId) => filesIn(join(cloudDir, 'volumes', `${volumeId}.raw.content`)),
    closeExports: async (serverId) => {
      const root = join(machines, serverId, 'root');
      const folder = join(root, 'etc/exports.d');
      for (const name of await readdir(folder)) await rm(join(folder, name));
      await writeFile(join(root, 'var/lib/nfs/etab'), '');
    },
    heal: (serverId) => control.heal(serverId),
    close: () => undefined,
  };
}

const filesIn = (folder: string): Mount['files'] => ({
  read: (name) => readFile(join(folder, name), 'utf8').catch(() => undefined),
  names: () => names(folder),
  write: (name, content) => writeFile(join(folder, name), content),
});

async function look(machines: string, serverId: string): Promise<Guest | undefined> {
  const root = join(machines, serverId, 'root');
  const kernel = join(machines, serverId, 'kernel');
  if ((await names(join(machines, serverId))).length === 0) return undefined;
  const text = async (file: string) =>
    (await readFile(join(root, file), 'utf8').catch(() => '')).replaceAll(root, '');
  const lines: string[] = [];
  for (const file of configuration) lines.push(...linesOf(file, await text(file)));
  for (const name of await names(join(root, 'etc/exports.d'))) {
    lines.push(...linesOf(`etc/exports.d/${name}`, await text(`etc/exports.d/${name}`)));
  }
  for (const folder of ['tmp', 'etc', 'shares', 'home/manila', 'srv']) {
    for (const name of await names(join(root, folder))) lines.push(`${folder}/ has ${name}`);
  }
  const fstab = await text('etc/fstab');
  for (const name of await names(join(root, 'run/lock'))) {
    if (!isKeptLock(name, fstab)) lines.push(`run/lock/ has ${name}`);
  }
  const mounts: Mount[] = [];
  for (const name of await names(join(kernel, 'mounts'))) {
    const entry = await readFile(join(kernel, 'mounts', name), 'utf8').catch(() => '');
    const [, volume = '', target = '', options, frozen] = entry.trimEnd().split('\t');
    if (target === '') continue;
    const sizeGib = await sizeOf(volume);
    mounts.push({ volume, target, sizeGib, files: filesIn(join(root, target)) });
    lines.push(`mounted: ${volume} on ${target} ${options} ${frozen}`);
  }
  const overwritten = await readFile(join(kernel, 'overwritten'), 'utf8').catch(() => '');
  lines.push(...linesOf('a file system was made over another', overwritten));
  return {
    serverId,
    lines: lines.toSorted(),
    mounts,
    nfs: exportedIn(await text('var/lib/nfs/etab')),
    registry: await text('var/lib/samba/registry'),
  };
}

/** In GiB, as the line of ours in front of a file system says it in blocks. */
async function sizeOf(disk: string): Promise<number> {
  const file = await open(disk).catch(() => undefined);
  if (!file) return 0;
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(400), 0, 400, 0);
    const [, , , blocks] = buffer.toString('utf8', 0, bytesRead).split('\t');
    return Math.round((Number(blocks) * 4096) / 2 ** 30);
  } finally {
    await file.close();
  }
}

const names = (folder: string): Promise<string[]> => readdir(folder).catch(() => []);
