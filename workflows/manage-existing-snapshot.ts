import { proxyActivities } from '@temporalio/workflow';
import type { VolumeSnapshotActivities } from '../activities/volume-snapshots.js';
import { cloudCall } from './activity-options.js';
import { step } from './step.js';
import { undoOnFailure } from './undo-on-failure.js';

const { inspectVolumeSnapshot, markVolumeSnapshot, unmarkVolumeSnapshot } =
  proxyActivities<VolumeSnapshotActivities>(cloudCall);

export interface ManageExistingSnapshotInput {
  backend: string;
  shareId: string;
  snapshotId: string;
  volumeId: string;
  volumeSnapshotId: string;
}

/**
 * Takes over a snapshot that Cinder has of the share's volume: gives it our name and marks, and returns its
 * size in GiB. If that fails it is left as it was. Safe to repeat.
 */
export async function manageExistingSnapshot(
  input: ManageExistingSnapshotInput,
): Promise<{ sizeGib: number }> {
  const { volumeId, ...ref } = input;
  const { name, sizeGib } = await inspectVolumeSnapshot.executeWithOptions(
    step(`look at Cinder's snapshot ${ref.volumeSnapshotId}`),
    [{ ...ref, volumeId }],
  );
  return undoOnFailure(async (onFailure) => {
    onFailure(() => unmarkVolumeSnapshot({ ...ref, name }));
    await markVolumeSnapshot.executeWithOptions(
      step(`mark it as snapshot ${ref.snapshotId} of share ${ref.shareId}`),
      [ref],
    );
    return { sizeGib };
  });
}
