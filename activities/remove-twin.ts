import { OpenStackError } from '../openstack/errors.js';
import { passing } from './failures.js';

/** How a twin in Cinder is removed, which deletes nothing that it is still making: an attempt soon after finds it again. */
export const removeTwin =
  <T extends { id: string; status: string }>(remove: (twin: T) => Promise<void>) =>
  async (twin: T): Promise<void> => {
    try {
      await remove(twin);
    } catch (error) {
      if (!(error instanceof OpenStackError && error.status === 400)) throw error;
      throw passing(
        'CloudBusy',
        `${twin.id} is there twice, and can't be deleted: ${error.reason}`,
      );
    }
  };
