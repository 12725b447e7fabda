import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { SshPool, type Host } from '../../ssh/pool.js';
import type { Holdings } from '../control.js';
import { exportedIn, isKeptLock, linesOf, type Guest, type Guests, type Mount } from '../guests.js';
import { filesOnDisk } from './files-on-disk.js';

/** Constant texts; what they are about comes as arguments. */
const scripts = {
  'look-at-guest': readFileSync(new URL('look-at-guest.sh', import.meta.url), 'utf8'),
  'read-file': '[[ ! -f $1 ]] || cat "$1"',
  'list-files': 'ls -A "$1"',
  // A machine may be reset at any time.
  'write-file': 'printf %s "$2" >"$1"; sync "$1"',
  'close-exports': 'rm --force /etc/exports.d/*; exportfs -ua',
};

interface Access {
  cloudUrl: string;
  cloudDir: string;
  privateKey: string;
  /** How long a machine may take to answer, in milliseconds. */
  limitMs: number;
}

/** Virtual machines are looked into by SSH, as their operator would. */
export function qemuGuests({ cloudUrl, cloudDir, privateKey, limitMs }: Access): Guests {
  const pool = new SshPool({ user: 'manila', privateKey, proxy: cloudUrl });
  const run = async (host: Host, name: keyof typeof scripts, ...args: string[]) => {
    const command = { name, script: scripts[name], args, timeoutMs: 120_000 };
    return (await pool.run(host, command)).stdout;
  };
  const filesIn = (host: Host, folder: string): Mount['files'] => ({
    read: async (name) => (await run(host, 'read-file', `${folder}/${name}`)) || undefined,
    names: async () => (await run(host, 'list-files', folder)).split('\n').filter(Boolean),
    write: async (name, content) =>
      void (await run(host, 'write-file', `${folder}/${name}`, content)),
  });
  /** It may be booting, and what was connected to it before may be gone with what it was. */
  const askPatiently = async (host: Host): Promise<string> => {
    const deadline = Date.now() + limitMs;
    for (;;) {
      try {
        await pool.ping(host);
        return await run(host, 'look-at-guest');
      } catch (error) {
        if (Date.now() > deadline) throw error;
        await sleep(1000);
      }
    }
  };
  return {
    look: async (serverId, holdings) => {
      const host = hostOf(serverId, holdings);
      if (!host) return undefined;
      try {
        const facts = factsOf(await askPatiently(host));
        return guestOf(serverId, facts, (folder) => filesIn(host, folder));
      } catch (error) {
        const lines = [`it does not answer: ${String(error)}`];
        return { serverId, lines, mounts: [], nfs: [], registry: '' };
      }
    },
    filesOn: (volumeId) => filesOnDisk(`${cloudDir}/volumes/${volumeId}.raw`),
    closeExports: async (serverId, holdings) => {
      const host = hostOf(serverId, holdings);
      if (host) await run(host, 'close-exports');
    },
    // Nobody gives them any.
    heal: async () => undefined,
    close: () => pool.close(),
  };
}

const serverRow = z.object({
  vmState: z.string(),
  metadata: z.object({ 'hawser:host_key': z.string() }),
});
const portRow = z.object({
  deviceId: z.string(),
  networkId: z.string(),
  fixedIps: z.array(z.object({ ipAddress: z.string() })).min(1),
});

/** Where a server answers SSH; undefined while it is not on. */
function hostOf(serverId: string, { servers, ports, networks }: Holdings): Host | undefined {
  const server = serverRow.parse(servers?.find(({ id }) => id === serverId));
  if (server.vmState !== 'active') return undefined;
  // One that was there already is in its tenant's network only.
  const service = networks?.find(({ name }) => name?.startsWith('service-'));
  const port = ports
    ?.map((row) => portRow.safeParse(row).data)
    .find((row) => row?.deviceId === serverId && (!service || row.networkId === service.id));
  const address = port?.fixedIps[0]?.ipAddress;
  return address === undefined
    ? undefined
    : { address, hostKey: server.metadata['hawser:host_key'] };
}

interface Fact {
  file: string;
  text: string;
}

const factsOf = (stdout: string): Fact[] =>
  stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => {
      const end = line.indexOf('\t');
      return { file: line.slice(0, end), text: line.slice(end + 1) };
    });

/** Of services that are running, not of shares. */
const isPassing = (name: string): boolean => /^systemd-private-|^\./.test(name);

function guestOf(
  serverId: string,
  facts: Fact[],
  filesIn: (folder: string) => Mount['files'],
): Guest {
  const textOf = (wanted: string) =>
    facts.flatMap(({ file, text }) => (file === wanted ? `${text}\n` : [])).join('');
  const fstab = textOf('etc/fstab');
  const lines = facts.flatMap(({ file, text }) => {
    if (file === 'bytes') return [];
    if (!file.endsWith('/')) return linesOf(file, text);
    return isKeptLock(text, fstab) || isPassing(text) ? [] : [`${file} has ${text}`];
  });
  const rows = (file: string) => textOf(file).split('\n').filter(Boolean);
  const sizes = new Map(
    rows('bytes').map((row) => {
      const [size = '', target = ''] = row.split(' ');
      // What ext4 keeps for itself is not among them.
      return [target, Math.round(product(size) / 2 ** 30)];
    }),
  );
  return {
    serverId,
    lines: lines.toSorted(),
    mounts: rows('mounted').map((line) => {
      const [volume = '', , target = ''] = line.split(' ');
      return { volume, target, sizeGib: sizes.get(target) ?? 0, files: filesIn(target) };
    }),
    nfs: exportedIn(textOf('var/lib/nfs/etab')),
    registry: textOf('registry'),
  };
}

/** Of factors with a star between them. */
const product = (factors: string): number =>
  factors.split('*').reduce((result, factor) => result * Number(factor), 1);
