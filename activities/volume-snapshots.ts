import type { Snapshot } from '../openstack/block-storage.js';
import { oldestOnly } from '../openstack/oldest-only.js';
import { fillTemplate, type Backend, type Backends } from './backend.js';
import { noneTwice } from './lagging-lists.js';
import { permanent } from './failures.js';
import { backendTag, shareTag, snapshotTag, takenOverTag } from './marks.js';
import { removeTwin } from './remove-twin.js';
import { waitUntil } from './wait.js';

export type VolumeSnapshotActivities = ReturnType<typeof createVolumeSnapshotActivities>;

interface SnapshotRef {
  backend: string;
  shareId: string;
  snapshotId: string;
}

/** One of Cinder's that somebody names. */
interface NamedSnapshot extends SnapshotRef {
  volumeSnapshotId: string;
}

/** Cinder: the snapshots of shares' volumes. */
export function createVolumeSnapshotActivities(backends: Backends) {
  // By mark alone: the name template of today may not be the one they were made with.
  const snapshotsOf = async ({ backend, shareId, snapshotId }: SnapshotRef): Promise<Snapshot[]> =>
    backends(backend).cloud.blockStorage.listSnapshots({
      metadata: { [shareTag]: shareId, [snapshotTag]: snapshotId },
    });

  return {
    /** Finds the snapshot in Cinder or takes it, and waits until it is available. Safe to repeat. */
    async ensureVolumeSnapshot(
      ref: SnapshotRef & { volumeId: string },
    ): Promise<{ volumeSnapshotId: string }> {
      const backend = backends(ref.backend);
      const { blockStorage } = backend.cloud;
      const { id } = await oldestOnly({
        find: () => snapshotsOf(ref),
        look: blockStorage.findSnapshot,
        create: () =>
          blockStorage.createSnapshot({
            volumeId: ref.volumeId,
            name: snapshotName(backend, ref),
            metadata: marksOf(backend, ref),
          }),
        remove: removeTwin((twin) => blockStorage.deleteSnapshot(twin.id)),
      });
      await waitUntil({
        what: `Snapshot ${ref.snapshotId} of share ${ref.shareId} (Cinder's ${id})`,
        kind: `${ref.backend}/create snapshot`,
        look: () => blockStorage.getSnapshot(id),
        describe: ({ status }) => status,
        done: ({ status }) => {
          if (status.startsWith('error')) {
            throw permanent(
              'SnapshotFailed',
              `Cinder's snapshot ${id} of share ${ref.shareId} went to ${status}; see Cinder's log`,
            );
          }
          return status === 'available';
        },
        limitMs: backend.options.max_time_to_create_volume * 1000,
        onTimeout: 'SnapshotFailed',
      });
      return { volumeSnapshotId: id };
    },

    /**
     * The snapshot in Cinder that a new share of this backend is made from, found by its mark. Changes
     * nothing. Fails when there is none, when it is another backend's, and when it is not available.
     */
    async findVolumeSnapshot(
      ref: SnapshotRef,
    ): Promise<{ volumeSnapshotId: string; volumeSizeGib: number }> {
      const { name, cloud } = backends(ref.backend);
      const { blockStorage } = cloud;
      const [listed] = await noneTwice(() => snapshotsOf(ref));
      const old = listed && listed.status !== 'available';
      const found = old ? await blockStorage.findSnapshot(listed.id) : listed;
      const which = `Snapshot ${ref.snapshotId} of share ${ref.shareId}`;
      if (!found) {
        throw permanent(
          'SnapshotNotFound',
          `${which} is not in backend ${name}; list a share's snapshots with: hawser snapshot list ${ref.shareId}`,
        );
      }
      const home = found.metadata[backendTag] ?? name;
      if (home !== name) {
        throw permanent(
          'SnapshotNotUsable',
          `${which} is on backend ${home}: a share can be made from it on that backend only, not on ${name}`,
        );
      }
      if (found.status !== 'available') {
        throw permanent(
          'SnapshotNotUsable',
          `${which} is ${found.status} in Cinder (${found.id}); it must be available`,
        );
      }
      return { volumeSnapshotId: found.id, volumeSizeGib: found.sizeGib };
    },

    /**
     * Deletes the snapshot with its twins, also those whose creation was never answered, and waits until
     * Cinder has none. Safe to repeat.
     */
    async deleteVolumeSnapshot(ref: SnapshotRef): Promise<void> {
      const { cloud, options } = backends(ref.backend);
      await waitUntil({
        what: `Snapshot ${ref.snapshotId} of share ${ref.shareId}`,
        kind: `${ref.backend}/delete snapshot`,
        look: async () => {
          const snapshots = await noneTwice(() => snapshotsOf(ref));
          for (const { id, status } of snapshots) {
            if (status === 'error_deleting') {
              throw permanent(
                'SnapshotFailed',
                `Cinder's snapshot ${id} of share ${ref.shareId} went to ${status}; reset its state in Cinder, then delete snapshot ${ref.snapshotId} again`,
              );
            }
            // One that Cinder gives back as available has volumes that hold it: it is asked again.
            if (['available', 'error'].includes(status))
              await cloud.blockStorage.deleteSnapshot(id);
          }
          return snapshots;
        },
        describe: (snapshots) =>
          snapshots.map(({ id, status }) => `${status} in Cinder (${id})`).join(', '),
        done: (snapshots) => snapshots.length === 0,
        limitMs: options.max_time_to_create_volume * 1000,
        onTimeout: 'SnapshotFailed',
      });
    },

    /**
     * What Cinder knows of a snapshot that shall be managed. Fails when it is not of this volume, not
     * available, or managed as another. Changes nothing.
     */
    async inspectVolumeSnapshot(
      ref: NamedSnapshot & { volumeId: string },
    ): Promise<{ name: string; sizeGib: number }> {
      const { blockStorage } = backends(ref.backend).cloud;
      const { shareId, volumeId, volumeSnapshotId: id } = ref;
      const found = await blockStorage.findSnapshot(id);
      if (!found) {
        throw permanent(
          'SnapshotNotFound',
          `Cinder has no snapshot ${id}; give the id it has there`,
        );
      }
      if (found.volumeId !== volumeId) {
        throw permanent(
          'SnapshotNotUsable',
          `Cinder's snapshot ${id} is of volume ${found.volumeId}, not of volume ${volumeId} of share ${shareId}`,
        );
      }
      if (found.status !== 'available') {
        throw permanent(
          'SnapshotNotUsable',
          `Cinder's snapshot ${id} is ${found.status}; it must be available to be managed`,
        );
      }
      const owner = found.metadata[snapshotTag];
      if (owner !== undefined && !isOurs(found, ref)) {
        throw permanent(
          'SnapshotNotUsable',
          `Cinder's snapshot ${id} is managed already, as snapshot ${owner} of share ${found.metadata[shareTag] ?? shareId}`,
        );
      }
      return { name: found.name, sizeGib: found.sizeGib };
    },

    /** Gives the snapshot our marks and name. Safe to repeat. */
    async markVolumeSnapshot(ref: NamedSnapshot): Promise<void> {
      const backend = backends(ref.backend);
      const { blockStorage } = backend.cloud;
      const { id, metadata } = await blockStorage.getSnapshot(ref.volumeSnapshotId);
      await blockStorage.setSnapshotMetadata(id, {
        ...metadata,
        ...marksOf(backend, ref),
        [takenOverTag]: 'true',
      });
      await blockStorage.renameSnapshot(id, snapshotName(backend, ref));
    },

    /**
     * Takes our marks off the snapshot, which stays in Cinder, and gives it this name if there is one. What is
     * gone, or bears no mark of this snapshot, is left alone. Safe to repeat.
     */
    async unmarkVolumeSnapshot(ref: NamedSnapshot & { name?: string }): Promise<void> {
      const { blockStorage } = backends(ref.backend).cloud;
      const found = await blockStorage.findSnapshot(ref.volumeSnapshotId);
      if (!found || !isOurs(found, ref)) return;
      if (ref.name !== undefined) await blockStorage.renameSnapshot(found.id, ref.name);
      // The marks go last: by them an attempt that comes after this one knows what is left to do.
      await blockStorage.setSnapshotMetadata(found.id, withoutMarks(found.metadata));
    },
  };
}

const snapshotName = ({ options }: Backend, { snapshotId }: SnapshotRef): string =>
  fillTemplate(options.volume_snapshot_name_template, snapshotId);

const marksOf = ({ name }: Backend, { shareId, snapshotId }: SnapshotRef) => ({
  [shareTag]: shareId,
  [snapshotTag]: snapshotId,
  [backendTag]: name,
});

const isOurs = ({ metadata }: Snapshot, { shareId, snapshotId }: SnapshotRef): boolean =>
  metadata[shareTag] === shareId && metadata[snapshotTag] === snapshotId;

function withoutMarks(metadata: Record<string, string>): Record<string, string> {
  const marks = [shareTag, snapshotTag, backendTag, takenOverTag];
  return Object.fromEntries(Object.entries(metadata).filter(([key]) => !marks.includes(key)));
}
