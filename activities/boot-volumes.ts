import type { NewVolume, Volume } from '../openstack/block-storage.js';
import { oldestOnly } from '../openstack/oldest-only.js';
import { fillTemplate, type Backend, type Backends } from './backend.js';
import { noneTwice } from './lagging-lists.js';
import { permanent } from './failures.js';
import { backendTag, fateTag, instanceTag } from './marks.js';
import { deletedServersOf } from './server-off.js';
import { removeTwin } from './remove-twin.js';
import { waitUntil } from './wait.js';

export type BootVolumeActivities = ReturnType<typeof createBootVolumeActivities>;

interface InstanceRef {
  backend: string;
  instanceId: string;
}

/** What Nova needs to boot from it. */
export interface BootVolume {
  volumeId: string;
  deleteOnTermination: boolean;
}

/** In place of the instance's: the next instance of that id must not take it for its own. */
export const keptTag = 'hawser:kept_boot_volume_of';

const deletable = new Set(['available', 'error', 'error_restoring', 'error_extending']);

const bootVolumes = async ({ cloud }: Backend, instanceId: string): Promise<Volume[]> =>
  cloud.blockStorage.listVolumes({ metadata: { [instanceTag]: instanceId } });

/** The ids of the volumes that an instance boots from; none where it boots from its image. */
export const bootVolumeIds = async (backend: Backend, instanceId: string): Promise<string[]> =>
  (await bootVolumes(backend, instanceId)).map(({ id }) => id);

/** Cinder: the volumes that service instances boot from. */
export function createBootVolumeActivities(backends: Backends) {
  return {
    /** Finds the instance's boot volume or creates it, and waits until it is filled. Safe to repeat. */
    async ensureBootVolume(ref: InstanceRef & { imageId: string }): Promise<BootVolume> {
      const backend = backends(ref.backend);
      const { cloud, options } = backend;
      const what = `Boot volume of service instance ${ref.instanceId}`;
      const { id, metadata } = await oldestOnly({
        find: () => bootVolumes(backend, ref.instanceId),
        look: cloud.blockStorage.findVolume,
        create: async () => cloud.blockStorage.createVolume(await newBootVolume(backend, ref)),
        remove: removeTwin((twin) => cloud.blockStorage.deleteVolume(twin.id)),
      });
      await waitUntil({
        what,
        kind: `${ref.backend}/create boot volume`,
        look: () => cloud.blockStorage.getVolume(id),
        describe: ({ status }) => status,
        done: ({ status }) => {
          if (status.startsWith('error')) {
            throw permanent('VolumeFailed', `${what}: ${id} went to ${status}; see Cinder's log`);
          }
          return status === 'available' || status === 'in-use';
        },
        limitMs: options.max_time_to_create_volume * 1000,
        onTimeout: 'VolumeFailed',
      });
      return { volumeId: id, deleteOnTermination: metadata[fateTag] !== 'false' };
    },

    /**
     * Deletes the boot volume of an instance whose server is gone; usually Nova has done so. One that outlives its
     * server on purpose is only marked as kept, unless `evenIfKept`. Safe to repeat.
     */
    async removeBootVolume({
      backend: name,
      instanceId,
      evenIfKept,
    }: InstanceRef & { evenIfKept: boolean }): Promise<void> {
      const backend = backends(name);
      const { blockStorage } = backend.cloud;
      const what = `Boot volume of service instance ${instanceId}`;
      await waitUntil({
        what,
        kind: `${name}/delete boot volume`,
        look: async () => {
          const volumes = await noneTwice(() => bootVolumes(backend, instanceId));
          for (const volume of volumes) {
            if (volume.metadata[fateTag] === 'false' && !evenIfKept) {
              await keepBootVolume(backend, volume, instanceId);
            } else if (volume.status === 'error_deleting') {
              throw permanent(
                'VolumeFailed',
                `${what}: ${volume.id} went to ${volume.status}; reset its state in Cinder, then delete the service instance again`,
              );
            } else if (deletable.has(volume.status)) {
              await blockStorage.deleteVolume(volume.id);
            } else {
              for (const { id } of await deletedServersOf(backend, volume)) {
                await backend.cloud.compute.forceDeleteServer(id);
              }
            }
          }
          return volumes;
        },
        describe: (volumes) => volumes.map(({ status }) => status).join(', '),
        done: (volumes) => volumes.length === 0,
        limitMs: backend.options.max_time_to_create_volume * 1000,
        onTimeout: 'VolumeFailed',
      });
    },
  };
}

/** From the service image, or as a copy of the base volume, which is never smaller than that. */
async function newBootVolume(
  { name, cloud, options }: Backend,
  { instanceId, imageId }: { instanceId: string; imageId: string },
): Promise<NewVolume> {
  const { service_instance_base_boot_volume_id: baseId } = options;
  const base = baseId === null ? undefined : await cloud.blockStorage.findVolume(baseId);
  if (baseId !== null && !base) {
    throw permanent(
      'VolumeFailed',
      `There is no volume ${baseId}: set service_instance_base_boot_volume_id to one that instances can be copied from`,
    );
  }
  const wanted = options.service_instance_boot_volume_size;
  return {
    name: fillTemplate(options.service_instance_boot_volume_name_template, instanceId),
    sizeGib: Math.max(wanted, base?.sizeGib ?? 0),
    metadata: {
      [instanceTag]: instanceId,
      [fateTag]: String(options.service_instance_boot_volume_delete_on_termination),
      [backendTag]: name,
    },
    volumeType: options.service_instance_boot_volume_type ?? undefined,
    availabilityZone: instanceZone(options),
    ...(base ? { sourceVolumeId: base.id } : { imageId }),
  };
}

/** Of an instance's server and its boot volume; undefined where the cloud chooses. */
export const instanceZone = ({
  backend_availability_zone: own,
  storage_availability_zone: storage,
}: Backend['options']): string | undefined => own ?? storage ?? undefined;

/** Leaves a boot volume to whoever wanted it to outlive its instance. Safe to repeat. */
export async function keepBootVolume(
  { cloud }: Backend,
  volume: Volume,
  instanceId: string,
): Promise<void> {
  const { [instanceTag]: _gone, ...metadata } = volume.metadata;
  await cloud.blockStorage.updateVolume(volume.id, {
    metadata: { ...metadata, [keptTag]: instanceId },
  });
}
