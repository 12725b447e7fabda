import { proxyActivities } from '@temporalio/workflow';
import type { BootVolumeActivities } from '../activities/boot-volumes.js';
import type { ComputeActivities } from '../activities/compute.js';
import type { NetworkActivities } from '../activities/network.js';
import type { ReadinessActivities } from '../activities/readiness.js';
import { cloudCall, cloudWait, remoteCommand } from './activity-options.js';
import { bothOrNeither } from './both-or-neither.js';
import type { ServiceInstance, ShareNetwork } from './model.js';
import { step } from './step.js';
import { undoOnFailure } from './undo-on-failure.js';

const { resolveImageAndFlavor, ensureServer } = proxyActivities<ComputeActivities>(cloudCall);
const { waitForServer, deleteServer } = proxyActivities<ComputeActivities>(cloudWait);
const { ensureBootVolume, removeBootVolume } = proxyActivities<BootVolumeActivities>(cloudWait);
const {
  ensureServiceNetwork,
  releaseServiceNetwork,
  ensureSecurityGroup,
  deleteSecurityGroup,
  ensureServerPort,
  deleteServerPort,
} = proxyActivities<NetworkActivities>(cloudCall);
const { waitForSsh, waitForAddresses, checkImageRequirements } =
  proxyActivities<ReadinessActivities>(remoteCommand);

export interface ServiceInstanceInput {
  instanceId: string;
  backend: string;
  shareNetwork: ShareNetwork;
}

/**
 * Boots a service instance in the networks that its backend's options name, and returns it when it answers SSH
 * and meets the image requirements. Leaves nothing behind if it fails.
 */
export async function setUpServiceInstance(input: ServiceInstanceInput): Promise<ServiceInstance> {
  const { instanceId, backend, shareNetwork } = input;

  const { imageId, flavorId, adminNetwork, bootFromVolume } =
    await resolveImageAndFlavor.executeWithOptions(step('find the service image and the flavor'), [
      { backend },
    ]);

  return undoOnFailure(async (onFailure) => {
    // With the tenant on one side and the operator on the other, nobody is left to use a service network.
    const needsServiceNetwork = shareNetwork.routerId !== null || !adminNetwork;
    const makeNetwork = async () => {
      if (!needsServiceNetwork) return undefined;
      onFailure(() => releaseServiceNetwork({ backend, shareNetwork }));
      return ensureServiceNetwork.executeWithOptions(
        step(
          shareNetwork.routerId === null
            ? `service subnet beside subnet ${shareNetwork.subnetId}`
            : `service subnet on router ${shareNetwork.routerId}`,
        ),
        [{ backend, shareNetwork }],
      );
    };
    const makeSecurityGroup = async () => {
      onFailure(() => deleteSecurityGroup({ backend }));
      return ensureSecurityGroup.executeWithOptions(step('security group and its rules'), [
        { backend },
      ]);
    };
    const [serviceSubnet] = await bothOrNeither(makeNetwork, makeSecurityGroup);

    onFailure(() => deleteServerPort({ backend, instanceId }));
    const where = serviceSubnet === undefined ? '' : ` on service subnet ${serviceSubnet.cidr}`;
    const { portIds, address, exportAddress, adminAddress } =
      await ensureServerPort.executeWithOptions(step(`ports${where}`), [
        { backend, instanceId, shareNetwork },
      ]);

    const makeBootVolume = async () => {
      onFailure(() => removeBootVolume({ backend, instanceId, evenIfKept: true }));
      return ensureBootVolume.executeWithOptions(step('create the volume to boot from'), [
        { backend, instanceId, imageId },
      ]);
    };
    const bootVolume = bootFromVolume ? await makeBootVolume() : undefined;

    onFailure(() => deleteServer({ backend, instanceId }));
    const { serverId, hostKey } = await ensureServer.executeWithOptions(
      step(`boot a server with address ${address}`),
      [{ backend, instanceId, imageId, flavorId, portIds, bootVolume }],
    );
    await waitForServer.executeWithOptions(step(`server ${serverId} becomes ACTIVE`), [
      { backend, instanceId, serverId },
    ]);

    const host = { backend, instanceId, serverId, address, hostKey };
    await waitForSsh.executeWithOptions(step(`${address} answers SSH with its pinned host key`), [
      { host },
    ]);
    const others = [exportAddress, adminAddress].filter(
      (one): one is string => Boolean(one) && one !== address,
    );
    if (others.length > 0) {
      await waitForAddresses.executeWithOptions(step(`the guest has ${others.join(' and ')} too`), [
        { host, addresses: others },
      ]);
    }
    await checkImageRequirements.executeWithOptions(step('check the image requirements'), [
      { host },
    ]);
    return { ...host, exportAddress, adminAddress };
  });
}
