import type { Volume } from '../openstack/block-storage.js';
import { fillTemplate, type Backends } from './backend.js';
import { permanent } from './failures.js';
import { oldestOnly } from '../openstack/oldest-only.js';
import { waitUntil } from './wait.js';

export type BlockStorageActivities = ReturnType<typeof createBlockStorageActivities>;

interface ShareVolume {
  backend: string;
  shareId: string;
}

/** What Cinder deletes; a volume that is still in use or on its way is waited for. */
const deletable = new Set(['available', 'error', 'error_restoring', 'error_extending']);

const shareTag = 'hawser:share_id';

/** Cinder: the volumes of shares. */
export function createBlockStorageActivities(backends: Backends) {
  // By mark alone: the name template of today may not be the one they were made with.
  const volumesOf = async ({ backend, shareId }: ShareVolume): Promise<Volume[]> =>
    backends(backend).cloud.blockStorage.listVolumes({ metadata: { [shareTag]: shareId } });

  return {
    /** Finds the share's volume or creates it, and waits until it can be attached. Safe to repeat. */
    async ensureVolume(
      spec: ShareVolume & { sizeGib: number },
    ): Promise<{ volumeId: string; volumeSizeGib: number }> {
      const { cloud, options, name: backendName } = backends(spec.backend);
      const { shareId, sizeGib } = spec;
      const volume = await oldestOnly({
        find: () => volumesOf(spec),
        create: () =>
          cloud.blockStorage.createVolume({
            name: fillTemplate(options.volume_name_template, shareId),
            sizeGib,
            metadata: { [shareTag]: shareId, 'hawser:backend': backendName },
            volumeType: options.cinder_volume_type ?? undefined,
            availabilityZone: options.storage_availability_zone ?? undefined,
          }),
        remove: ({ id }) => cloud.blockStorage.deleteVolume(id),
      });
      if (volume.sizeGib !== sizeGib) {
        throw permanent(
          'VolumeFailed',
          `Volume ${volume.id} of share ${shareId} has ${volume.sizeGib} GiB, not ${sizeGib}: it is left from an earlier share of that id. Delete it, or choose another id`,
        );
      }
      await waitUntil({
        what: `Volume ${volume.id} of share ${shareId}`,
        look: () => cloud.blockStorage.getVolume(volume.id),
        describe: ({ status }) => status,
        done: ({ id, status }) => {
          if (status.startsWith('error')) {
            throw permanent(
              'VolumeFailed',
              `Volume ${id} of share ${shareId} went to ${status}; see Cinder's log`,
            );
          }
          return status === 'available' || status === 'in-use';
        },
        limitMs: options.max_time_to_create_volume * 1000,
        onTimeout: 'VolumeFailed',
      });
      return { volumeId: volume.id, volumeSizeGib: volume.sizeGib };
    },

    /** The share's volume, or undefined when there is none. */
    async findVolume(spec: ShareVolume): Promise<{ volumeId: string } | undefined> {
      const [volume] = await volumesOf(spec);
      return volume && { volumeId: volume.id };
    },

    /** Deletes every volume of the share, also those whose creation was never answered. Safe to repeat. */
    async deleteVolume(spec: ShareVolume): Promise<void> {
      const { cloud, options } = backends(spec.backend);
      await waitUntil({
        what: `The volume of share ${spec.shareId}`,
        look: async () => {
          const volumes = await volumesOf(spec);
          for (const { id, status } of volumes) {
            if (status === 'error_deleting') {
              throw permanent(
                'VolumeFailed',
                `Volume ${id} of share ${spec.shareId} went to ${status}; reset its state in Cinder, then delete the share again`,
              );
            }
            if (deletable.has(status)) await cloud.blockStorage.deleteVolume(id);
          }
          return volumes;
        },
        describe: (volumes) => volumes.map(({ status }) => status).join(', '),
        done: (volumes) => volumes.length === 0,
        limitMs: options.max_time_to_create_volume * 1000,
        onTimeout: 'VolumeFailed',
      });
    },
  };
}
