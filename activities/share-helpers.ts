import type { AccessType, Protocol } from '../workflows/model.js';
import type { Backends } from './backend.js';
import { permanent } from './failures.js';

export type ShareHelperActivities = ReturnType<typeof createShareHelperActivities>;

/** What a backend's `share_helpers` say of protocols. */
export function createShareHelperActivities(backends: Backends) {
  return {
    /** What the access rules of a new share will name; fails when the backend does not serve its protocol. */
    async resolveShareHelper({
      backend,
      protocol,
    }: {
      backend: string;
      protocol: Protocol;
    }): Promise<{ accessBy: AccessType }> {
      const { share_helpers: helpers } = backends(backend).options;
      const helper = helpers[protocol];
      if (helper === undefined) {
        throw permanent(
          'InvalidInput',
          `Backend ${backend} serves no ${protocol} shares: its share_helpers are ${Object.values(helpers).join(', ')}`,
        );
      }
      return { accessBy: helper === 'CIFSHelperUserAccess' ? 'user' : 'ip' };
    },
  };
}
