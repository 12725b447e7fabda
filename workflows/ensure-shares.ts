import { executeChild, proxyActivities, workflowInfo } from '@temporalio/workflow';
import type { EnsuringActivities } from '../activities/ensuring.js';
import { entityCall, promptLook } from './activity-options.js';
import { fewAtATime } from './few-at-a-time.js';
import type { EnsureReport, Problem, ShareOutcome } from './model.js';
import { problemOf } from './problem.js';
import { searchAttributes } from './search-attributes.js';
import { step, waitingStep } from './step.js';

const { listInstancesWithShares, listSharesOn } = proxyActivities<EnsuringActivities>({
  ...promptLook,
  startToCloseTimeout: '5m',
});
const { ensureOneInstance, ensureOneShare } = proxyActivities<EnsuringActivities>({
  ...entityCall,
  // An instance may be rebooting, and a repair takes its time.
  scheduleToCloseTimeout: '2h',
});

/** Per instance: each is a script on it. */
const SHARES_AT_ONCE = 4;

export interface EnsureSharesInput {
  backend: string;
  /** Null for all of the backend's. */
  instanceId: string | null;
}

type InstanceReport = EnsureReport['instances'][number];

/**
 * Ensures all shares of a backend, or of one service instance. Each instance has a child of its own, so that no
 * history grows with the cloud and a dead instance delays nobody but its own shares. Safe to repeat.
 */
export async function ensureShares(input: EnsureSharesInput): Promise<EnsureReport> {
  const { backend, instanceId } = input;
  if (instanceId !== null) return { instances: [await ensureSharesOn(instanceId)] };
  const instanceIds = await listInstancesWithShares.executeWithOptions(
    step(`list the instances of ${backend} that have shares`),
    [{ backend }],
  );
  const instances = await Promise.all(instanceIds.map((id) => inAChild(backend, id)));
  return { instances };
}

async function inAChild(backend: string, instanceId: string): Promise<InstanceReport> {
  try {
    const { instances } = await executeChild(ensureShares, {
      workflowId: `${workflowInfo().workflowId}-${instanceId}`,
      args: [{ backend, instanceId }],
      staticSummary: `Ensure the shares on ${instanceId}`,
      typedSearchAttributes: [{ key: searchAttributes.backend, value: backend }],
    });
    const [report] = instances;
    return report ?? { instanceId, problem: null, shares: [] };
  } catch (failure) {
    return { instanceId, problem: problemOf(failure), shares: [] };
  }
}

async function ensureSharesOn(instanceId: string): Promise<InstanceReport> {
  const shares = await listSharesOn.executeWithOptions(step(`list the shares on ${instanceId}`), [
    { instanceId },
  ]);
  const found = await ensureOneInstance.executeWithOptions(waitingStep(`look at ${instanceId}`), [
    { instanceId },
  ]);
  if (found && 'notNow' in found) {
    const details = [found.notNow];
    return {
      instanceId,
      problem: null,
      shares: shares.map((id) => ({ id, result: 'skipped', details })),
    };
  }
  const problem = found && !found.alive ? deathOf(found.checks) : null;
  return {
    instanceId,
    problem,
    shares: await fewAtATime(SHARES_AT_ONCE, shares, (id) => ensureShareOf(id, problem)),
  };
}

async function ensureShareOf(
  shareId: string,
  instanceProblem: Problem | null,
): Promise<ShareOutcome> {
  try {
    return await ensureOneShare.executeWithOptions(waitingStep(`ensure share ${shareId}`), [
      { shareId, whenBusy: 'refuse', instanceProblem },
    ]);
  } catch (failure) {
    return { id: shareId, result: 'failed', details: [problemOf(failure).message] };
  }
}

const deathOf = (checks: { ok: boolean; detail: string }[]): Problem => ({
  type: 'InstanceUnhealthy',
  message: checks.flatMap(({ ok, detail }) => (ok ? [] : [detail])).join('; '),
});
