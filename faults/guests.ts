import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** What a simulated host looks like from the inside, read from the directory that it is. */
export interface Guest {
  serverId: string;
  /** Sorted lines of its configuration and of what its kernel knows, each with the file it is of. */
  lines: string[];
  mounts: Mount[];
  /** `PATH CLIENT rw|ro` of all that is exported by NFS. */
  nfs: string[];
  /** Samba's registry. */
  registry: string;
}

export interface Mount {
  volumeFile: string;
  /** On the guest. */
  target: string;
  /** Where that is here. */
  directory: string;
}

const files = ['etc/fstab', 'etc/exports', 'var/lib/nfs/etab', 'var/lib/samba/registry'];
/** Locks stay where they were once taken; what else lies there is a task somebody did not end. */
const lock = /^hawser-(fstab|resize-.*|freeze-.*|exports|.*\.lock)$/;

export async function readGuest(machines: string, serverId: string): Promise<Guest | undefined> {
  const root = join(machines, serverId, 'root');
  const kernel = join(machines, serverId, 'kernel');
  if ((await names(join(machines, serverId))).length === 0) return undefined;
  const text = async (file: string) =>
    (await readFile(file, 'utf8').catch(() => '')).replaceAll(root, '');
  const lines: string[] = [];
  const add = (file: string, content: string) => {
    for (const line of content.split('\n')) {
      if (line.trim() !== '' && !line.startsWith('#')) lines.push(`${file}: ${line.trim()}`);
    }
  };
  for (const file of files) add(file, await text(join(root, file)));
  for (const name of await names(join(root, 'etc/exports.d'))) {
    add(`etc/exports.d/${name}`, await text(join(root, 'etc/exports.d', name)));
  }
  for (const folder of ['tmp', 'etc', 'shares', 'home/manila', 'srv']) {
    for (const name of await names(join(root, folder))) lines.push(`${folder}/ has ${name}`);
  }
  for (const name of await names(join(root, 'run/lock'))) {
    if (!lock.test(name)) lines.push(`run/lock/ has ${name}`);
  }
  const mounts: Mount[] = [];
  for (const name of await names(join(kernel, 'mounts'))) {
    const entry = await readFile(join(kernel, 'mounts', name), 'utf8').catch(() => '');
    const [, volumeFile = '', target = '', options, frozen] = entry.trimEnd().split('\t');
    if (target === '') continue;
    mounts.push({ volumeFile, target, directory: join(root, target) });
    lines.push(`mounted: ${volumeFile} on ${target} ${options} ${frozen}`);
  }
  const etab = await text(join(root, 'var/lib/nfs/etab'));
  return {
    serverId,
    lines: lines.toSorted(),
    mounts,
    nfs: etab.split('\n').filter(Boolean).map(exported),
    registry: await text(join(root, 'var/lib/samba/registry')),
  };
}

function exported(line: string): string {
  const [path, client = ''] = line.split('\t');
  return `${path} ${client.split('(')[0]} ${/[(,]rw[,)]/.test(client) ? 'rw' : 'ro'}`;
}

const names = (folder: string): Promise<string[]> => readdir(folder).catch(() => []);
