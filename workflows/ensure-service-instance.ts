import { proxyActivities } from '@temporalio/workflow';
import type { ComputeActivities } from '../activities/compute.js';
import type { ReadinessActivities } from '../activities/readiness.js';
import { promptLook } from './activity-options.js';
import type { InstanceHealth, ServiceInstance } from './model.js';
import { problemOf } from './problem.js';
import { step } from './step.js';

const { requireServer } = proxyActivities<ComputeActivities>(promptLook);
const { logIn } = proxyActivities<ReadinessActivities>(promptLook);
const { reportImageRequirements } = proxyActivities<ReadinessActivities>({
  ...promptLook,
  // It waits 40 s by itself for services that have just been started.
  startToCloseTimeout: '75s',
  retry: { maximumAttempts: 1 },
});

export interface EnsureServiceInstanceInput {
  instance: ServiceInstance;
}

type Check = InstanceHealth['checks'][number];

/**
 * Looks whether Nova has the instance's server ACTIVE, whether it lets us in and proves its pinned key, and what
 * it lacks. What is not well is an answer, not a failure; a dead one is said to be dead within 90 s.
 */
export async function ensureServiceInstance({
  instance: host,
}: EnsureServiceInstanceInput): Promise<InstanceHealth> {
  const { instanceId, backend, serverId, address } = host;
  const server = await check('server', `${serverId} is ACTIVE`, () =>
    requireServer.executeWithOptions(step(`look at server ${serverId}`), [
      { backend, instanceId, serverId },
    ]),
  );
  if (!server.ok) return { instanceId, alive: false, checks: [server] };

  const ssh = await check('SSH', `${address} lets us in, with its pinned host key`, () =>
    logIn.executeWithOptions(step(`log in at ${address}`), [{ host }]),
  );
  if (!ssh.ok) return { instanceId, alive: false, checks: [server, ssh] };

  return { instanceId, alive: true, checks: [server, ssh, ...(await imageChecks(host))] };
}

async function imageChecks(host: ServiceInstance): Promise<Check[]> {
  try {
    const options = step(`check the image requirements of ${host.instanceId}`);
    const { checks } = await reportImageRequirements.executeWithOptions(options, [{ host }]);
    return checks.map(({ name, ok, detail, fix }) => ({
      name,
      ok,
      detail: ok ? detail : `${detail} (${fix})`,
    }));
  } catch (failure) {
    return [{ name: 'image requirements', ok: false, detail: problemOf(failure).message }];
  }
}

async function check(name: string, well: string, look: () => Promise<unknown>): Promise<Check> {
  try {
    await look();
    return { name, ok: true, detail: well };
  } catch (failure) {
    return { name, ok: false, detail: problemOf(failure).message };
  }
}
