import { proxyActivities } from '@temporalio/workflow';
import type { ExistingShareActivities } from '../activities/existing-shares.js';
import type { ExistingVolumeActivities } from '../activities/existing-volumes.js';
import type { PlacementActivities } from '../activities/placement.js';
import { cloudCall, entityCall, promptCommand } from './activity-options.js';
import { giveBack, type GiveBackInput } from './give-back.js';
import type { ServiceInstance } from './model.js';
import { step } from './step.js';

const { leaveServiceInstance } = proxyActivities<PlacementActivities>(entityCall);
const { releaseVolume } = proxyActivities<ExistingVolumeActivities>(cloudCall);
const { releaseShare } = proxyActivities<ExistingShareActivities>(promptCommand);

export interface UnmanageInput extends GiveBackInput {
  /** Null when it was never taken over in full: then it is put back as it was found. */
  instance: ServiceInstance | null;
  /** Where it is mounted; null when that is not known. */
  path: string | null;
}

/** Takes our marks off a share, which stays in service as it is, and gives its place back. Safe to repeat. */
export async function unmanage({ instance, path, ...found }: UnmanageInput): Promise<void> {
  if (!instance) return giveBack(found);
  const { shareId, backend, instanceId } = found;
  await releaseShare.executeWithOptions(step(`forget share ${shareId} on ${instance.address}`), [
    { host: instance, shareId },
  ]);
  await releaseVolume.executeWithOptions(
    step(`take the marks off the volume of share ${shareId}`),
    [{ backend, shareId }],
  );
  await leaveServiceInstance.executeWithOptions(
    step(`give back the place on service instance ${instanceId}, which stays`),
    [{ backend, instanceId, shareId, unmanaged: true, ...(path !== null && { path }) }],
  );
}
