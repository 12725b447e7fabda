import { proxyActivities } from '@temporalio/workflow';
import type { CommonServerActivities } from '../activities/common-server.js';
import type { ComputeActivities } from '../activities/compute.js';
import type { ReadinessActivities } from '../activities/readiness.js';
import { cloudCall, cloudWait, remoteCommand } from './activity-options.js';
import type { ServiceInstance } from './model.js';
import { step } from './step.js';

const { findCommonServer, locateCommonServer } = proxyActivities<CommonServerActivities>(cloudCall);
const { waitForServer } = proxyActivities<ComputeActivities>(cloudWait);
const { waitForSsh, checkImageRequirements } = proxyActivities<ReadinessActivities>(remoteCommand);

export interface CommonServerInput {
  instanceId: string;
  backend: string;
}

/**
 * Finds the one server for all shares of a backend, and returns it when it answers SSH and meets the image
 * requirements. Changes nothing, and leaves the server as it is whatever happens.
 */
export async function getCommonServer(input: CommonServerInput): Promise<ServiceInstance> {
  const { instanceId, backend } = input;
  const { serverId } = await findCommonServer.executeWithOptions(
    step('find the server that the configuration names'),
    [{ backend }],
  );
  await waitForServer.executeWithOptions(step(`server ${serverId} is ACTIVE`), [
    { backend, instanceId, serverId },
  ]);
  const where = await locateCommonServer.executeWithOptions(
    step(`addresses and host key of server ${serverId}`),
    [{ backend, serverId }],
  );
  const instance = { backend, instanceId, serverId, ...where };
  await waitForSsh.executeWithOptions(
    step(`${where.address} answers SSH with its pinned host key`),
    [{ host: instance }],
  );
  await checkImageRequirements.executeWithOptions(step('check the image requirements'), [
    { host: instance },
  ]);
  return instance;
}
