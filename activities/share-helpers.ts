import type { AccessType, Protocol, ShareLocation } from '../workflows/model.js';
import type { Backends } from './backend.js';
import { permanent } from './failures.js';
import { newLocation } from './share-paths.js';

export type ShareHelperActivities = ReturnType<typeof createShareHelperActivities>;

/** What a backend's configuration says of new shares. */
export function createShareHelperActivities(backends: Backends) {
  return {
    /**
     * What the access rules of a new share will name, and where it will be, whatever its configuration says later; fails
     * when the backend does not serve its protocol.
     */
    async resolveShareHelper({
      backend,
      protocol,
      shareId,
    }: {
      backend: string;
      protocol: Protocol;
      shareId: string;
    }): Promise<{ accessBy: AccessType; place: Omit<ShareLocation, 'volumeId'> }> {
      const { options } = backends(backend);
      const { share_helpers: helpers } = options;
      const helper = helpers[protocol];
      if (helper === undefined) {
        throw permanent(
          'InvalidInput',
          `Backend ${backend} serves no ${protocol} shares: its share_helpers are ${Object.values(helpers).join(', ')}`,
        );
      }
      return {
        accessBy: helper === 'CIFSHelperUserAccess' ? 'user' : 'ip',
        place: newLocation(options, shareId),
      };
    },
  };
}
