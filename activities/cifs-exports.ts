import type { AccessType, ExportLocation } from '../workflows/model.js';
import type { Backend, Backends } from './backend.js';
import { passing } from './failures.js';
import { runTask, scriptOf, type HostTask } from './host-script.js';
import type { Access, ShareExport } from './nfs-exports.js';
import { exportLocations, newLocation } from './share-paths.js';
import { isOff } from './server-off.js';

export type CifsExportActivities = ReturnType<typeof createCifsExportActivities>;

const applyAddresses = scriptOf('apply-cifs-share', 120_000);
const applyUsers = scriptOf('apply-cifs-users', 120_000);
const remove = scriptOf('remove-cifs-share', 120_000);

type Removal = Omit<ShareExport, 'rules'>;

/** CIFS shares in Samba's registry. */
export function createCifsExportActivities(backends: Backends) {
  return {
    /**
     * Writes the share's section whole, open to exactly these addresses or users (to nobody when the list is empty),
     * drops connections that are no longer allowed, and reads the section back. Safe to repeat.
     */
    async applyCifsShare(wanted: ShareExport): Promise<ExportLocation[]> {
      const { host } = wanted;
      return runTask(backends, host, cifsExport(backends(host.backend), wanted));
    },

    /**
     * Removes the share from Samba and drops its connections; a server that is gone or off has none. Safe to repeat.
     */
    async removeCifsShare(share: Removal): Promise<void> {
      const { host } = share;
      if (await isOff(backends, host)) return;
      await runTask(backends, host, cifsRemoval(backends(host.backend), share));
    },
  };
}

/** Writes its section so, and reads it back. */
export function cifsExport(
  { options }: Pick<Backend, 'options'>,
  { host, shareId, location, accessBy = 'ip', rules }: ShareExport,
): HostTask<ExportLocation[]> {
  const { exportName: name, path } = location ?? newLocation(options, shareId);
  const byUser = accessBy === 'user';
  return {
    script: byUser ? applyUsers : applyAddresses,
    args: [name, path, ...(byUser ? usersOf(rules) : rules.map(({ to }) => to))],
    read(section) {
      const difference = firstDifference(wantedOf(rules, accessBy), section);
      if (difference) {
        throw passing('CommandFailed', `Samba on ${host.address} has for ${name}: ${difference}`);
      }
      return exportLocations(host, (at) => `\\\\${at}\\${name}`);
    },
  };
}

/** Takes it out of Samba. */
export function cifsRemoval(
  { options }: Pick<Backend, 'options'>,
  { shareId, location }: Removal,
): HostTask<void> {
  const { exportName } = location ?? newLocation(options, shareId);
  return { script: remove, args: [exportName], read: () => undefined };
}

/** What Samba must answer, parameter by parameter; lists are compared as sets. */
type Wanted = Record<string, string[]>;

const toHosts = (rules: Access[]): Wanted => ({
  'hosts allow': ['127.0.0.1', ...rules.map(({ to }) => to)],
});

const usersOf = (rules: Access[]): string[] => rules.flatMap(({ to, level }) => [to, level]);

const toUsers = (rules: Access[]): Wanted => ({
  available: [rules.length > 0 ? 'yes' : 'no'],
  'guest ok': ['no'],
  'read only': ['yes'],
  'valid users': rules.map(({ to }) => to),
  'read list': rules.filter(({ level }) => level === 'ro').map(({ to }) => to),
  'write list': rules.filter(({ level }) => level === 'rw').map(({ to }) => to),
});

/** What a share's section must say for these rules, by address or by user. */
export const wantedOf = (rules: Access[], accessBy: AccessType = 'ip'): Wanted =>
  accessBy === 'user' ? toUsers(rules) : toHosts(rules);

/** What of a section is not as wanted; undefined when all is. */
export function firstDifference(wanted: Wanted, section: string): string | undefined {
  for (const [parameter, words] of Object.entries(wanted)) {
    const seen = wordsOf(section, parameter).toSorted().join(' ');
    const expected = words.toSorted().join(' ');
    if (seen !== expected) return `${parameter} = [${seen}], wanted [${expected}]`;
  }
  return undefined;
}

function wordsOf(section: string, parameter: string): string[] {
  const value = new RegExp(`^\\s*${parameter}\\s*=(.*)$`, 'im').exec(section)?.[1] ?? '';
  return value.split(/[\s,]+/).filter(Boolean);
}
