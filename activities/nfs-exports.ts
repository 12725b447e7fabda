import type {
  AccessLevel,
  AccessType,
  ExportLocation,
  InstanceHost,
  ShareLocation,
} from '../workflows/model.js';
import type { Backend, Backends } from './backend.js';
import { passing } from './failures.js';
import { runTask, scriptOf, type HostTask } from './host-script.js';
import { exportLocations, newLocation, shareName, type ExportAddresses } from './share-paths.js';
import { isOff } from './server-off.js';

export type NfsExportActivities = ReturnType<typeof createNfsExportActivities>;

export interface Access {
  to: string;
  level: AccessLevel;
}

/** A share as it shall be exported, by either protocol. */
export interface ShareExport {
  host: InstanceHost & ExportAddresses;
  shareId: string;
  /** Without it, where a new share is put. */
  location?: ShareLocation | null;
  /** What the rules name; without it addresses. */
  accessBy?: AccessType | undefined;
  /** The whole list; empty for nobody. */
  rules: Access[];
}

/** Whether the share is to go: then a server that is gone or off exports it to nobody, now or later. */
interface Going {
  forGood?: true;
}

const applyScript = scriptOf('apply-nfs-exports', 60_000, 'exports');

/** NFS exports: one file per share under /etc/exports.d. */
export function createNfsExportActivities(backends: Backends) {
  return {
    /**
     * Exports the share to exactly these clients (to nobody when the list is empty), and reads back what the
     * kernel exports. Safe to repeat.
     */
    async applyNfsExports({ forGood, ...wanted }: ShareExport & Going): Promise<ExportLocation[]> {
      const { host } = wanted;
      if (forGood && (await isOff(backends, host))) return [];
      return runTask(backends, host, nfsExport(backends(host.backend), wanted));
    },
  };
}

/** Exports it so, and reads back what the kernel exports. */
export function nfsExport(
  { options }: Pick<Backend, 'options'>,
  { host, shareId, location, rules }: ShareExport,
): HostTask<ExportLocation[]> {
  const { path } = location ?? newLocation(options, shareId);
  const clients = exportClients(rules, options);
  return {
    script: applyScript,
    args: [shareName(shareId), path, ...clients.flat()],
    read(exported) {
      const wanted = clients.map((client) => client.join(' ')).sort();
      const seen = exported.split('\n').filter(Boolean).sort();
      if (wanted.join('\n') !== seen.join('\n')) {
        throw passing(
          'CommandFailed',
          `${host.address} exports ${path} to [${seen.join(', ')}], wanted [${wanted.join(', ')}]`,
        );
      }
      return exportLocations(host, (at) => `${at}:${path}`);
    },
  };
}

/**
 * Who an export is for and with which of the options that differ from share to share: three words each. The whole world
 * is a star to the NFS server, which takes `0.0.0.0/0` for the name of a host.
 */
export function exportClients(
  rules: Access[],
  { nfs_root_squash: squashed }: Pick<Backend['options'], 'nfs_root_squash'>,
): [client: string, level: AccessLevel, squash: string][] {
  const levels = new Map<string, AccessLevel>();
  for (const { to, level } of rules) {
    const client = to.endsWith('/0') ? '*' : to;
    levels.set(client, levels.get(client) === 'rw' ? 'rw' : level);
  }
  return [...levels].map(([client, level]) => [
    client,
    level,
    squashed ? 'root_squash' : 'no_root_squash',
  ]);
}
