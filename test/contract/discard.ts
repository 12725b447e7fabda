import type { BlockStorage } from '../../openstack/block-storage.js';
import { untilGone } from './clouds.js';

/** Deletes a volume as soon as that can be, and waits until it is gone. Safe to repeat. */
export const discardVolume = (cinder: BlockStorage, id: string): Promise<void> =>
  untilGone(async () => {
    const status = (await cinder.findVolume(id))?.status;
    if (status && ['available', 'error'].includes(status)) {
      // Refused while a volume or snapshot made from it is still on its way out.
      await cinder.deleteVolume(id).catch(() => undefined);
    }
    return status;
  });

/** The same for a snapshot. */
export const discardSnapshot = (cinder: BlockStorage, id: string): Promise<void> =>
  untilGone(async () => {
    await cinder.deleteSnapshot(id).catch(() => undefined);
    return cinder.findSnapshot(id);
  });
