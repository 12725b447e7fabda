import type { ExportLocation } from '../workflows/model.js';
import type { Backends } from './backend.js';
import { passing } from './failures.js';
import { hostScript } from './host-script.js';
import type { ShareExport } from './nfs-exports.js';
import { exportLocations, newLocation } from './share-paths.js';

export type CifsExportActivities = ReturnType<typeof createCifsExportActivities>;

/** CIFS shares in Samba's registry. */
export function createCifsExportActivities(backends: Backends) {
  const apply = hostScript(backends, 'apply-cifs-share', 120_000);
  const remove = hostScript(backends, 'remove-cifs-share', 120_000);

  return {
    /**
     * Writes the share's section whole, open to exactly these addresses (to nobody when the list is empty),
     * drops connections that are no longer allowed, and reads the section back. Safe to repeat.
     */
    async applyCifsShare({
      host,
      shareId,
      location,
      rules,
    }: ShareExport): Promise<ExportLocation[]> {
      const { options } = backends(host.backend);
      const { exportName: name, path } = location ?? newLocation(options, shareId);
      const addresses = rules.map(({ to }) => to);
      const section = await apply(host, name, path, ...addresses);
      const wanted = ['127.0.0.1', ...addresses].sort().join(' ');
      const seen = hostsAllowed(section).sort().join(' ');
      if (wanted !== seen) {
        throw passing(
          'CommandFailed',
          `Samba on ${host.address} opens ${name} to [${seen}], wanted [${wanted}]`,
        );
      }
      return exportLocations(host, (at) => `\\\\${at}\\${name}`);
    },

    /** Removes the share from Samba and drops its connections. Safe to repeat. */
    async removeCifsShare({ host, shareId, location }: Omit<ShareExport, 'rules'>) {
      const { exportName } = location ?? newLocation(backends(host.backend).options, shareId);
      await remove(host, exportName);
    },
  };
}

/** The addresses that a section lets in, as Samba prints it. */
export function hostsAllowed(section: string): string[] {
  const value = /^\s*hosts allow\s*=(.*)$/im.exec(section)?.[1] ?? '';
  return value.split(/[\s,]+/).filter(Boolean);
}
