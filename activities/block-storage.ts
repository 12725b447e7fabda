import type { BlockStorage, Volume } from '../openstack/block-storage.js';
import { OpenStackError } from '../openstack/errors.js';
import type { Cloud } from '../openstack/index.js';
import { fillTemplate, type Backends } from './backend.js';
import { noneTwice } from './lagging-lists.js';
import { permanent } from './failures.js';
import { backendTag, shareTag } from './marks.js';
import { oldestOnly } from '../openstack/oldest-only.js';
import { deletedServersOf } from './server-off.js';
import { removeTwin } from './remove-twin.js';
import { waitUntil } from './wait.js';

export type BlockStorageActivities = ReturnType<typeof createBlockStorageActivities>;

interface ShareVolume {
  backend: string;
  shareId: string;
}

export interface VolumeSize {
  volumeId: string;
  volumeSizeGib: number;
}

/** What Cinder deletes; a volume that is still in use or on its way is waited for. */
const deletable = new Set(['available', 'error', 'error_restoring', 'error_extending']);

/** Cinder: the volumes of shares. */
export function createBlockStorageActivities(backends: Backends) {
  // By mark alone: the name template of today may not be the one they were made with.
  const volumesOf = async ({ backend, shareId }: ShareVolume): Promise<Volume[]> =>
    backends(backend).cloud.blockStorage.listVolumes({ metadata: { [shareTag]: shareId } });

  return {
    /**
     * Finds the share's volume or creates it, from a snapshot if there is one, and waits until it can be attached.
     * Safe to repeat.
     */
    async ensureVolume(
      spec: ShareVolume & {
        sizeGib: number;
        availabilityZone?: string;
        /** Cinder's. */
        volumeSnapshotId?: string;
      },
    ): Promise<VolumeSize> {
      const { cloud, options, name: backendName } = backends(spec.backend);
      const { shareId, sizeGib, volumeSnapshotId } = spec;
      const availabilityZone = spec.availabilityZone ?? options.storage_availability_zone;
      const volume = await oldestOnly({
        find: () => volumesOf(spec),
        look: cloud.blockStorage.findVolume,
        create: async () => {
          if (availabilityZone !== null) await requireZone(cloud, availabilityZone);
          return cloud.blockStorage.createVolume({
            name: fillTemplate(options.volume_name_template, shareId),
            sizeGib,
            metadata: { [shareTag]: shareId, [backendTag]: backendName },
            // A snapshot's volume keeps its type: Cinder may refuse any other.
            volumeType: volumeSnapshotId ? undefined : (options.cinder_volume_type ?? undefined),
            availabilityZone: availabilityZone ?? undefined,
            snapshotId: volumeSnapshotId,
          });
        },
        remove: removeTwin(({ id }) => cloud.blockStorage.deleteVolume(id)),
      });
      const origin = volumeSnapshotId ?? null;
      if (volume.sizeGib !== sizeGib || volume.snapshotId !== origin) {
        throw permanent(
          'VolumeFailed',
          `Volume ${volume.id} of share ${shareId} has ${described(volume)}, not ${described({ sizeGib, snapshotId: origin })}: it is left from an earlier share of that id. Delete it, or choose another id`,
        );
      }
      await waitUntil({
        what: `Volume ${volume.id} of share ${shareId}`,
        kind: `${spec.backend}/create volume${origin === null ? '' : ' from snapshot'}`,
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
    async findVolume(spec: ShareVolume): Promise<VolumeSize | undefined> {
      const [volume] = await noneTwice(() => volumesOf(spec));
      return volume && { volumeId: volume.id, volumeSizeGib: volume.sizeGib };
    },

    /**
     * The share's volume, once Cinder is done with what it was doing to it. A failed extend is taken back: the
     * volume is `available` again, with the size it had. Safe to repeat.
     */
    async settleVolume(spec: ShareVolume): Promise<VolumeSize> {
      const { cloud, options } = backends(spec.backend);
      const [found] = await noneTwice(() => volumesOf(spec));
      if (!found) {
        throw permanent(
          'VolumeFailed',
          `Share ${spec.shareId} has no volume in Cinder any more (none with ${shareTag}=${spec.shareId})`,
        );
      }
      const volume = await waitUntil({
        what: `Volume ${found.id} of share ${spec.shareId}`,
        kind: `${spec.backend}/settle volume`,
        look: async () => {
          const seen = await cloud.blockStorage.getVolume(found.id);
          if (seen.status !== 'error_extending') return seen;
          await takeBackExtend(cloud.blockStorage, found.id);
          return cloud.blockStorage.getVolume(found.id);
        },
        describe: ({ status }) => status,
        done: ({ id, status }) => {
          if (status.startsWith('error') && status !== 'error_extending') {
            throw permanent(
              'VolumeFailed',
              `Volume ${id} of share ${spec.shareId} is in ${status}`,
            );
          }
          return status === 'available' || status === 'in-use';
        },
        limitMs: options.max_time_to_extend_volume * 1000,
        onTimeout: 'VolumeFailed',
      });
      return { volumeId: volume.id, volumeSizeGib: volume.sizeGib };
    },

    /** Makes a detached volume at least this large, and waits until it is. Safe to repeat. */
    async extendVolume(
      spec: ShareVolume & { volumeId: string; sizeGib: number },
    ): Promise<VolumeSize> {
      const { cloud, options } = backends(spec.backend);
      const { shareId, volumeId, sizeGib } = spec;
      const look = () => cloud.blockStorage.getVolume(volumeId);
      const before = await look();
      if (before.sizeGib < sizeGib && before.status === 'available') {
        await cloud.blockStorage.extendVolume(volumeId, sizeGib);
      }
      const volume = await waitUntil({
        what: `Volume ${volumeId} of share ${shareId}`,
        kind: `${spec.backend}/extend volume`,
        look,
        describe: ({ status }) => status,
        done: (seen) => {
          if (seen.status.startsWith('error')) {
            throw permanent(
              'VolumeFailed',
              `Volume ${volumeId} of share ${shareId} went to ${seen.status} on its way from ${before.sizeGib} to ${sizeGib} GiB; see Cinder's log`,
            );
          }
          if (seen.status !== 'available') return false;
          // What no back end has room for comes back as it was.
          if (seen.sizeGib < sizeGib) {
            throw permanent(
              'VolumeFailed',
              `Cinder left volume ${volumeId} of share ${shareId} at ${seen.sizeGib} GiB instead of ${sizeGib}; see its log for the reason`,
            );
          }
          return true;
        },
        limitMs: options.max_time_to_extend_volume * 1000,
        onTimeout: 'VolumeFailed',
      });
      return { volumeId, volumeSizeGib: volume.sizeGib };
    },

    /**
     * Makes sure that the share's volume is there, and nobody else's at the moment; a `VolumeFailed` failure says
     * what became of it otherwise. Changes nothing.
     */
    async requireVolume({
      backend,
      shareId,
      volumeId,
      serverId,
    }: ShareVolume & { volumeId: string; serverId: string }): Promise<void> {
      const volume = await backends(backend).cloud.blockStorage.findVolume(volumeId);
      const broken = (what: string) =>
        permanent('VolumeFailed', `Volume ${volumeId} of share ${shareId} ${what}`);
      if (!volume) throw broken('is gone, and its data with it: delete the share');
      const elsewhere = volume.attachments.find((one) => one.serverId !== serverId);
      if (elsewhere) {
        throw broken(
          `is attached to server ${elsewhere.serverId}, not to ${serverId}: detach it there, then ensure the share again`,
        );
      }
      if (volume.status.startsWith('error') || volume.status === 'deleting') {
        throw broken(`is ${volume.status} in Cinder; put that right, then ensure the share again`);
      }
    },

    /** Deletes every volume of the share, also those whose creation was never answered. Safe to repeat. */
    async deleteVolume(spec: ShareVolume): Promise<void> {
      const { cloud, options } = backends(spec.backend);
      await waitUntil({
        what: `The volume of share ${spec.shareId}`,
        kind: `${spec.backend}/delete volume`,
        look: async () => {
          const volumes = await noneTwice(() => volumesOf(spec));
          for (const volume of volumes) {
            const { id, status } = volume;
            if (status === 'error_deleting') {
              throw permanent(
                'VolumeFailed',
                `Volume ${id} of share ${spec.shareId} went to ${status}; reset its state in Cinder, then delete the share again`,
              );
            }
            if (deletable.has(status)) await deleteOne(cloud, spec.shareId, id);
            if (status !== 'in-use') continue;
            for (const server of await deletedServersOf({ cloud }, volume)) {
              await cloud.compute.detachVolume(server.id, id);
            }
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

async function takeBackExtend(cinder: BlockStorage, volumeId: string): Promise<void> {
  try {
    await cinder.resetVolumeStatus(volumeId, 'available');
  } catch (error) {
    if (!(error instanceof OpenStackError && error.status === 403)) throw error;
    throw permanent(
      'VolumeFailed',
      `Volume ${volumeId} is in error_extending, and this account may not reset it. As an administrator: ` +
        `openstack volume set --state available ${volumeId}; then extend the share again`,
    );
  }
}

/** Cinder refuses (400) while a volume has snapshots, and does not say which. */
async function deleteOne({ blockStorage }: Cloud, shareId: string, id: string): Promise<void> {
  try {
    await blockStorage.deleteVolume(id);
  } catch (error) {
    const refused = error instanceof OpenStackError && error.status === 400;
    const snapshots = refused ? await blockStorage.listSnapshots({ volumeId: id }) : [];
    if (snapshots.length === 0) throw error;
    const ids = snapshots.map((snapshot) => snapshot.id).join(', ');
    throw permanent(
      'VolumeFailed',
      `Volume ${id} of share ${shareId} has snapshots in Cinder: ${ids}. Delete them there, then delete the share again`,
    );
  }
}

const described = ({ sizeGib, snapshotId }: Pick<Volume, 'sizeGib' | 'snapshotId'>): string =>
  `${sizeGib} GiB${snapshotId === null ? '' : ` from Cinder's snapshot ${snapshotId}`}`;

/** Cinder may silently take another zone for one that it does not know. */
async function requireZone({ blockStorage }: Cloud, wanted: string): Promise<void> {
  const zones = await blockStorage.listAvailabilityZones();
  const names = zones.filter(({ available }) => available).map(({ name }) => name);
  if (names.includes(wanted)) return;
  throw permanent(
    'AvailabilityZoneNotFound',
    `Cinder has no availability zone ${wanted} that is available; there are: ${names.join(', ')}`,
  );
}
