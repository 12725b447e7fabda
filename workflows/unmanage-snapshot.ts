import { proxyActivities } from '@temporalio/workflow';
import type { VolumeSnapshotActivities } from '../activities/volume-snapshots.js';
import { cloudCall } from './activity-options.js';
import { step } from './step.js';

const { unmarkVolumeSnapshot } = proxyActivities<VolumeSnapshotActivities>(cloudCall);

export interface UnmanageSnapshotInput {
  backend: string;
  shareId: string;
  snapshotId: string;
  volumeSnapshotId: string;
}

/** Takes our marks off a snapshot, which stays in Cinder. Safe to repeat. */
export async function unmanageSnapshot(ref: UnmanageSnapshotInput): Promise<void> {
  await unmarkVolumeSnapshot.executeWithOptions(
    step(`take the marks off Cinder's snapshot ${ref.volumeSnapshotId}`),
    [ref],
  );
}
