import { proxyActivities } from '@temporalio/workflow';
import type { VolumeSnapshotActivities } from '../activities/volume-snapshots.js';
import { cloudWait } from './activity-options.js';
import { step } from './step.js';

const { deleteVolumeSnapshot } = proxyActivities<VolumeSnapshotActivities>(cloudWait);

export interface DeleteSnapshotInput {
  backend: string;
  shareId: string;
  snapshotId: string;
}

/** Deletes a snapshot and waits until Cinder has none; what is gone counts as deleted. Safe to repeat. */
export async function deleteSnapshot(ref: DeleteSnapshotInput): Promise<void> {
  await deleteVolumeSnapshot.executeWithOptions(step(`delete snapshot ${ref.snapshotId}`), [ref]);
}
