import type { AccessType, ExportLocation } from '../workflows/model.js';
import type { Backends } from './backend.js';
import { passing } from './failures.js';
import { hostScript } from './host-script.js';
import type { Access, ShareExport } from './nfs-exports.js';
import { exportLocations, newLocation } from './share-paths.js';
import { isOff } from './server-off.js';

export type CifsExportActivities = ReturnType<typeof createCifsExportActivities>;

/** CIFS shares in Samba's registry. */
export function createCifsExportActivities(backends: Backends) {
  const applyAddresses = hostScript(backends, 'apply-cifs-share', 120_000);
  const applyUsers = hostScript(backends, 'apply-cifs-users', 120_000);
  const remove = hostScript(backends, 'remove-cifs-share', 120_000);

  return {
    /**
     * Writes the share's section whole, open to exactly these addresses or users (to nobody when the list is empty),
     * drops connections that are no longer allowed, and reads the section back. Safe to repeat.
     */
    async applyCifsShare({
      host,
      shareId,
      location,
      accessBy = 'ip',
      rules,
    }: ShareExport): Promise<ExportLocation[]> {
      const { options } = backends(host.backend);
      const { exportName: name, path } = location ?? newLocation(options, shareId);
      const section =
        accessBy === 'user'
          ? await applyUsers(host, name, path, ...usersOf(rules))
          : await applyAddresses(host, name, path, ...rules.map(({ to }) => to));
      const difference = firstDifference(wantedOf(rules, accessBy), section);
      if (difference) {
        throw passing('CommandFailed', `Samba on ${host.address} has for ${name}: ${difference}`);
      }
      return exportLocations(host, (at) => `\\\\${at}\\${name}`);
    },

    /**
     * Removes the share from Samba and drops its connections; a server that is gone or off has none. Safe to repeat.
     */
    async removeCifsShare({ host, shareId, location }: Omit<ShareExport, 'rules'>) {
      if (await isOff(backends, host)) return;
      const { exportName } = location ?? newLocation(backends(host.backend).options, shareId);
      await remove(host, exportName);
    },
  };
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
