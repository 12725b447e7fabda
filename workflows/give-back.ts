import { defineSignal, proxyActivities } from '@temporalio/workflow';
import type { ComputeActivities } from '../activities/compute.js';
import type { ExistingShare, ExistingShareActivities } from '../activities/existing-shares.js';
import type { ExistingVolume, ExistingVolumeActivities } from '../activities/existing-volumes.js';
import type { PlacementActivities } from '../activities/placement.js';
import { cloudCall, entityCall, promptCommand } from './activity-options.js';
import type { InstanceHost } from './model.js';
import { step } from './step.js';

const { leaveServiceInstance } = proxyActivities<PlacementActivities>(entityCall);
const { serverExists } = proxyActivities<ComputeActivities>(cloudCall);
const { restoreVolume } = proxyActivities<ExistingVolumeActivities>(cloudCall);
const { giveBackShare } = proxyActivities<ExistingShareActivities>(promptCommand);

/** What a share is taken over from, as it was found. */
export interface TakenOver {
  host: InstanceHost;
  existing: ExistingShare;
  /** Null when it is on none of Cinder's as a whole. */
  volume: ExistingVolume | null;
}

/** `manageExisting` tells its share how everything was, before it touches anything. */
export const takingOverSignal = defineSignal<[TakenOver]>('takingOver');

export interface GiveBackInput {
  shareId: string;
  backend: string;
  /** Where it has, or may have, a place. */
  instanceId: string;
  /** As it was found; null when nothing was touched. */
  takenOver: TakenOver | null;
}

/**
 * Puts everything back as it was before a share was taken over, and then gives its place back: while something is left,
 * its instance stays. Of a server that is gone there is nothing to put back. Safe to repeat.
 */
export async function giveBack({
  shareId,
  backend,
  instanceId,
  takenOver,
}: GiveBackInput): Promise<void> {
  if (takenOver) {
    const { host, existing, volume } = takenOver;
    if (await serverExists({ backend, serverId: host.serverId })) {
      await giveBackShare.executeWithOptions(
        step(`give ${existing.path} on ${host.address} back as it was`),
        [{ host, shareId, existing }],
      );
    }
    if (volume) {
      await restoreVolume.executeWithOptions(step(`give volume ${volume.volumeId} back`), [
        { backend, shareId, volume },
      ]);
    }
  }
  await leaveServiceInstance.executeWithOptions(
    step(`give back the place on service instance ${instanceId}`),
    [{ backend, instanceId, shareId }],
  );
}
