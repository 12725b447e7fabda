import type { ExportLocation, Protocol, ShareLocation } from '../workflows/model.js';
import type { Backends } from './backend.js';
import { cifsExport, cifsRemoval } from './cifs-exports.js';
import { formatting, mounting, unmounting } from './file-systems.js';
import { runInTurn } from './host-script.js';
import { nfsExport, type ShareExport } from './nfs-exports.js';
import { isOff } from './server-off.js';

export type ServingActivities = ReturnType<typeof createServingActivities>;

interface Served extends Omit<ShareExport, 'rules'> {
  protocol: Protocol;
}

/** What puts a share in service and takes it out again, in one round trip to its service instance each. */
export function createServingActivities(backends: Backends) {
  return {
    /**
     * `formatVolume`, then `mountShare` of the new file system. Safe to repeat.
     */
    async formatAndMount(
      share: Pick<ShareExport, 'host' | 'shareId' | 'location'> & { volumeId: string },
    ): Promise<ShareLocation> {
      const { host } = share;
      const backend = backends(host.backend);
      return runInTurn(
        backends,
        host,
        formatting(backend, share),
        mounting(backend, { ...share, isNew: true }),
      );
    },

    /**
     * `mountShare`, then `applyNfsExports` or `applyCifsShare`: open to exactly these rules. Safe to repeat.
     */
    async mountAndExport({
      protocol,
      ...share
    }: Served & Pick<ShareExport, 'rules'> & { volumeId: string }): Promise<ExportLocation[]> {
      const { host } = share;
      const backend = backends(host.backend);
      return runInTurn(
        backends,
        host,
        mounting(backend, share),
        protocol === 'CIFS' ? cifsExport(backend, share) : nfsExport(backend, share),
      );
    },

    /**
     * `applyNfsExports` to nobody or `removeCifsShare`, then `unmountShare`. With `forGood` a server that is gone or off has
     * nothing left to close; without it, it is tried again, for the share would be open when it is back. Safe to repeat.
     */
    async unexportAndUnmount({
      protocol,
      forGood,
      ...share
    }: Served & { volumeId?: string; forGood?: true }): Promise<void> {
      const { host } = share;
      if (forGood && (await isOff(backends, host))) return;
      const backend = backends(host.backend);
      await runInTurn(
        backends,
        host,
        protocol === 'CIFS'
          ? cifsRemoval(backend, share)
          : nfsExport(backend, { ...share, rules: [] }),
        unmounting(backend, share),
      );
    },
  };
}
