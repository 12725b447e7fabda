import { ApplicationFailure, proxyActivities, workflowInfo } from '@temporalio/workflow';
import type { FileSystemActivities } from '../activities/file-systems.js';
import type { VolumeSnapshotActivities } from '../activities/volume-snapshots.js';
import { cloudWait, promptCommand } from './activity-options.js';
import type { ServiceInstance, ShareLocation } from './model.js';
import { step } from './step.js';
import { undoOnFailure } from './undo-on-failure.js';

const { ensureVolumeSnapshot, deleteVolumeSnapshot } =
  proxyActivities<VolumeSnapshotActivities>(cloudWait);
const { freezeFileSystem, thawFileSystem } = proxyActivities<FileSystemActivities>(promptCommand);

export interface CreateSnapshotInput {
  backend: string;
  shareId: string;
  snapshotId: string;
  instance: ServiceInstance;
  location: ShareLocation & { volumeId: string };
}

/** Once more after the first: what made the cloud slow may have passed, but clients are held up each time. */
const rounds = 2;

/**
 * Takes a snapshot of a share's volume while its file system stands still, and returns Cinder's id. Writers go
 * on afterwards whatever happened; if they had to go on earlier, it is taken once more. Leaves nothing behind if
 * it fails. Safe to repeat.
 */
export async function createSnapshot(
  input: CreateSnapshotInput,
): Promise<{ volumeSnapshotId: string }> {
  const { backend, shareId, snapshotId, instance: host, location } = input;
  const { volumeId } = location;
  const ref = { backend, shareId, snapshotId };

  return undoOnFailure(async (onFailure) => {
    onFailure(() => deleteVolumeSnapshot(ref));
    // What a failed attempt could not remove must not pass for this snapshot.
    await deleteVolumeSnapshot.executeWithOptions(step('look for an earlier attempt'), [ref]);
    for (let round = 1; round <= rounds; round += 1) {
      const frozen = { host, shareId, location, hold: `${workflowInfo().workflowId}-${round}` };
      onFailure(() => thawFileSystem(frozen));
      await freezeFileSystem.executeWithOptions(step(`hold up the writers of share ${shareId}`), [
        frozen,
      ]);
      const made = await ensureVolumeSnapshot.executeWithOptions(
        step(`take a snapshot of volume ${volumeId}`),
        [{ ...ref, volumeId }],
      );
      const { heldUntilNow } = await thawFileSystem.executeWithOptions(
        step(`let the writers of share ${shareId} go on`),
        [frozen],
      );
      if (heldUntilNow) return made;
      await deleteVolumeSnapshot.executeWithOptions(
        step('delete the snapshot: writers went on before it was complete'),
        [ref],
      );
    }
    throw ApplicationFailure.nonRetryable(
      `Snapshot ${snapshotId} of share ${shareId}: Cinder took longer than the writers may be held up, ${rounds} times. ` +
        'Nothing is left of it; try again, or raise max_time_to_freeze',
      'SnapshotNotConsistent',
    );
  });
}
