import { proxyActivities } from '@temporalio/workflow';
import type { BootVolumeActivities } from '../activities/boot-volumes.js';
import type { ComputeActivities } from '../activities/compute.js';
import type { NetworkActivities } from '../activities/network.js';
import { cloudCall, cloudWait } from './activity-options.js';
import type { ServiceInstanceInput } from './set-up-service-instance.js';
import { step } from './step.js';

const { deleteServer } = proxyActivities<ComputeActivities>(cloudWait);
const { removeBootVolume } = proxyActivities<BootVolumeActivities>(cloudWait);
const { deleteServerPort, releaseServiceNetwork, deleteSecurityGroup } =
  proxyActivities<NetworkActivities>(cloudCall);

export interface DeleteServiceInstanceInput extends ServiceInstanceInput {
  /** Also a boot volume that was made to outlive its instance. */
  evenIfKept?: boolean;
}

/**
 * Removes the VM, its boot volume, ports and key pair, and what of the network nobody else uses. Safe to repeat.
 */
export async function deleteServiceInstance(input: DeleteServiceInstanceInput): Promise<void> {
  const { instanceId, backend, shareNetwork, evenIfKept = false } = input;
  const left = await deleteServer.executeWithOptions(step(`delete the server of ${instanceId}`), [
    { backend, instanceId },
  ]);
  if (left?.hasBootVolume) {
    await removeBootVolume.executeWithOptions(step(`remove the boot volume of ${instanceId}`), [
      { backend, instanceId, evenIfKept },
    ]);
  }
  await deleteServerPort.executeWithOptions(step(`delete the port of ${instanceId}`), [
    { backend, instanceId },
  ]);
  await releaseServiceNetwork.executeWithOptions(
    step('give back the service subnet if nobody else uses it'),
    [{ backend, shareNetwork }],
  );
  await deleteSecurityGroup.executeWithOptions(
    step('delete the security group if nobody else uses it'),
    [{ backend }],
  );
}
