import { proxyActivities } from '@temporalio/workflow';
import type { ComputeActivities } from '../activities/compute.js';
import type { EnsuringActivities } from '../activities/ensuring.js';
import type { ReadinessActivities } from '../activities/readiness.js';
import { cloudCall, cloudWait, entityCall, promptLook, remoteCommand } from './activity-options.js';
import { ensureServiceInstance } from './ensure-service-instance.js';
import { fewAtATime } from './few-at-a-time.js';
import type { RebootReport, RebootType, ServiceInstance, ShareOutcome } from './model.js';
import { failureOf, problemOf } from './problem.js';
import { step, waitingStep } from './step.js';

const promptCall = { ...cloudCall, scheduleToCloseTimeout: '15m' } as const;
const { listReboots, rebootServer } = proxyActivities<ComputeActivities>(promptCall);
const { waitForReboot } = proxyActivities<ComputeActivities>(cloudWait);
const { readBootId } = proxyActivities<ReadinessActivities>({
  ...promptLook,
  retry: { maximumAttempts: 1 },
});
const { waitForBoot } = proxyActivities<ReadinessActivities>(remoteCommand);
const { ensureOneShare } = proxyActivities<EnsuringActivities>({
  ...entityCall,
  // A share may be at work with something that takes hours; the others are told of.
  scheduleToCloseTimeout: '15m',
});

const { sharesAtWork } = proxyActivities<EnsuringActivities>(promptCall);

const SHARES_AT_ONCE = 4;

export interface RebootServiceInstanceInput {
  instance: ServiceInstance;
  type: RebootType;
  /** Ids of the shares on it. */
  shares: string[];
}

/**
 * Reboots an instance and returns when it runs since another boot and its shares were ensured. What was seen
 * before is in its history, so that no attempt reboots a second time.
 */
export async function rebootServiceInstance(
  input: RebootServiceInstanceInput,
): Promise<RebootReport> {
  const { instance: host, type, shares } = input;
  const { instanceId, backend, serverId } = host;
  const atWork = await sharesAtWork.executeWithOptions(step('see whether a share is at work'), [
    { shareIds: shares },
  ]);
  if (atWork.length > 0) {
    throw failureOf({
      type: 'InstanceBusy',
      message: `Service instance ${instanceId} has shares at work that a reboot may break: ${atWork.join(', ')}. Reboot it when they are done`,
    });
  }
  const before = await bootIdIfItAnswers(host);
  const seen = await listReboots({ backend, serverId });

  await rebootServer.executeWithOptions(step(`${type.toLowerCase()} reboot of ${serverId}`), [
    { backend, instanceId, serverId, type, seen },
  ]);
  await waitForReboot.executeWithOptions(step(`server ${serverId} becomes ACTIVE again`), [
    { backend, instanceId, serverId },
  ]);
  const after = await waitForBoot.executeWithOptions(step(`${host.address} has booted`), [
    { host, before },
  ]);
  const { checks } = await ensureServiceInstance({ instance: host });
  const outcomes = await fewAtATime(SHARES_AT_ONCE, shares, ensureShareOf);
  return { instanceId, type, boot: { before, after }, checks, shares: outcomes };
}

async function bootIdIfItAnswers(host: ServiceInstance): Promise<string | null> {
  try {
    return await readBootId.executeWithOptions(step(`look which boot ${host.address} runs since`), [
      { host },
    ]);
  } catch {
    // That may be why it is to be rebooted.
    return null;
  }
}

async function ensureShareOf(shareId: string): Promise<ShareOutcome> {
  try {
    return await ensureOneShare.executeWithOptions(waitingStep(`ensure share ${shareId}`), [
      { shareId, whenBusy: 'wait', instanceProblem: null },
    ]);
  } catch (failure) {
    return { id: shareId, result: 'failed', details: [problemOf(failure).message] };
  }
}
