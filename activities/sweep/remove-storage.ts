import type { Volume } from '../../openstack/block-storage.js';
import type { InstanceHost } from '../../workflows/model.js';
import type { Backend, Backends } from '../backend.js';
import { createComputeActivities } from '../compute.js';
import { permanent, type FailureType } from '../failures.js';
import { hostScript } from '../host-script.js';
import { instanceTag } from '../marks.js';
import { deletedServersOf } from '../server-off.js';
import { deviceSerial } from '../share-paths.js';
import { waitUntil } from '../wait.js';

const deletable = new Set(['available', 'error', 'error_restoring', 'error_extending']);

/** Deletes volumes and snapshots by their ids, and waits until they are gone. */
export function createStorageRemoval(backends: Backends) {
  const compute = createComputeActivities(backends);
  const whereMounted = hostScript(backends, 'where-mounted', 60_000);

  /** Never under a mounted file system, so only from a service instance that can be asked. */
  const detach = async (
    { name, cloud }: Backend,
    volume: Volume,
    host: InstanceHost | null,
  ): Promise<void> => {
    const deleted = (await deletedServersOf({ cloud }, volume)).map(({ id }) => id);
    for (const { serverId } of volume.attachments) {
      if (serverId !== null && deleted.includes(serverId)) {
        // Nova gives up no boot volume of one that it keeps for a while.
        if (instanceTag in volume.metadata) await cloud.compute.forceDeleteServer(serverId);
        else await compute.detachVolume({ backend: name, serverId, volumeId: volume.id });
        continue;
      }
      if (serverId === null || host?.serverId !== serverId) {
        throw permanent(
          'InstanceInUse',
          `Volume ${volume.id} is attached to server ${serverId ?? '(unknown)'}, which is no service instance that answers: detach it there`,
        );
      }
      const mounted = (await whereMounted(host, deviceSerial(volume.id))).trim();
      if (mounted !== '') {
        throw permanent(
          'InstanceInUse',
          `Volume ${volume.id} is mounted at ${mounted} on service instance ${host.instanceId}: unmount it there`,
        );
      }
      await compute.detachVolume({ backend: name, serverId, volumeId: volume.id });
    }
  };

  return {
    removeVolume: async (
      backend: Backend,
      id: string,
      host: InstanceHost | null,
    ): Promise<void> => {
      const { blockStorage } = backend.cloud;
      const volume = await blockStorage.findVolume(id);
      if (volume) await detach(backend, volume, host);
      await untilGone(backend, `Volume ${id}`, 'VolumeFailed', async () => {
        const seen = await blockStorage.findVolume(id);
        if (seen && deletable.has(seen.status)) await blockStorage.deleteVolume(id);
        return seen?.status;
      });
    },

    removeSnapshot: async (backend: Backend, id: string): Promise<void> => {
      const { blockStorage } = backend.cloud;
      await untilGone(backend, `Snapshot ${id}`, 'SnapshotFailed', async () => {
        const seen = await blockStorage.findSnapshot(id);
        if (seen && ['available', 'error'].includes(seen.status)) {
          await blockStorage.deleteSnapshot(id);
        }
        return seen?.status;
      });
    },
  };
}

/** Asks until there is nothing left to ask for. */
export async function untilGone(
  { name, options }: Pick<Backend, 'name' | 'options'>,
  what: string,
  onTimeout: FailureType,
  ask: () => Promise<string | undefined>,
): Promise<void> {
  await waitUntil({
    what,
    kind: `${name}/sweep ${onTimeout}`,
    look: ask,
    describe: (status) => status ?? 'gone',
    done: (status) => {
      if (status === 'error_deleting') {
        throw permanent(onTimeout, `${what} is in error_deleting; reset its state in Cinder`);
      }
      return status === undefined;
    },
    limitMs: options.max_time_to_create_volume * 1000,
    onTimeout,
  });
}
