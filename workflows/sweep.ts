import { ApplicationFailure, log, proxyActivities } from '@temporalio/workflow';
import type { InventoryActivities } from '../activities/inventory.js';
import type { SweepActivities } from '../activities/sweep.js';
import { cloudCall, cloudWait, promptLook } from './activity-options.js';
import { fewAtATime } from './few-at-a-time.js';
import type { InstanceHost } from './model.js';
import { problemOf } from './problem.js';
import { step } from './step.js';
import type { Orphan, OrphanKind, SweepReport, SweptOrphan } from './sweep-model.js';

const { listInventory, findInstanceHost } = proxyActivities<InventoryActivities>(promptLook);
const { findLeftovers } = proxyActivities<SweepActivities>({
  ...promptLook,
  // What is on an instance that was not looked at stays until the next sweep.
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumAttempts: 5 },
});
const { findOrphans } = proxyActivities<SweepActivities>({
  ...cloudCall,
  scheduleToCloseTimeout: '15m',
});
const { removeOrphan } = proxyActivities<SweepActivities>({
  ...cloudWait,
  // What does not go now is named, and there for the next sweep.
  scheduleToCloseTimeout: '1h',
  retry: { initialInterval: '2s', backoffCoefficient: 2, maximumAttempts: 5 },
});

const INSTANCES_AT_ONCE = 8;

export interface SweepInput {
  backend: string;
  /** Removes what it finds; without it nothing is changed. */
  remove: boolean;
  /** How old an orphan has to be to be removed, in seconds; null for the backend's `sweep_grace_period`. */
  graceSeconds: number | null;
  /** Removes although Temporal knows of no share and no service instance of the backend. */
  evenIfNothingLives: boolean;
  /** Removes the data of shares too of which Temporal knows nothing: none by that name, or none any more. */
  evenIfUnknown: boolean;
}

/** What hangs on something goes before it. */
const order: OrphanKind[] = [
  'leftovers',
  'snapshot',
  'server',
  'volume',
  'boot volume',
  'key pair',
  'port',
  'host port',
  'subnet',
  'network',
  'security group',
];

/**
 * Finds what bears Hawser's mark and belongs to no share or service instance that there is, in a backend's project and on
 * its instances, and removes it if it shall. What does not answer, and what could not be removed, is part of the answer. Safe
 * to repeat and to end at any moment.
 */
export async function sweep(input: SweepInput): Promise<SweepReport> {
  const { backend, remove, evenIfUnknown } = input;
  const { shares, instances } = await listInventory.executeWithOptions(
    step('list shares and service instances'),
    [{ backend }],
  );
  if (remove && shares.length + instances.length === 0 && !input.evenIfNothingLives) {
    throw ApplicationFailure.nonRetryable(
      `Nothing was removed: this Temporal knows of no share and no service instance of backend ${backend}. If it is the right one, and nobody else uses the project, say so with --even-if-nothing-lives`,
      'NothingLives',
    );
  }
  const found = await findOrphans.executeWithOptions(step('look in the cloud'), [
    { backend, graceSeconds: input.graceSeconds, evenIfUnknown },
  ]);
  const { graceSeconds } = found;
  const problems: string[] = [];
  const hosts: InstanceHost[] = [];
  const onInstances = await fewAtATime(INSTANCES_AT_ONCE, instances, async (instance) => {
    const { id: instanceId, status } = instance;
    try {
      // There is nothing to be asked of one that is on its way. What one in error has may be just what holds it up.
      if (['creating', 'deleting', 'deleted'].includes(status)) return [];
      const host = await findInstanceHost.executeWithOptions(step(`where ${instanceId} is`), [
        { backend, instanceId },
      ]);
      const left = await findLeftovers.executeWithOptions(step(`look on ${instanceId}`), [
        { host, graceSeconds, evenIfUnknown },
      ]);
      hosts.push(host);
      return left;
    } catch (failure) {
      problems.push(
        `Service instance ${instanceId} was not looked at: ${problemOf(failure).message}`,
      );
      return [];
    }
  });
  const orphans = [...onInstances.flat(), ...found.orphans].sort(
    (a, b) => order.indexOf(a.kind) - order.indexOf(b.kind),
  );
  const swept: SweptOrphan[] = [];
  for (const orphan of orphans) {
    swept.push(await sweptOne(orphan, remove ? { backend, hosts, evenIfUnknown } : null));
  }
  const report: SweepReport = {
    backend,
    takenAt: new Date().toISOString(),
    graceSeconds,
    removes: remove,
    orphans: swept,
    problems,
  };
  warn(report);
  return report;
}

async function sweptOne(
  orphan: Orphan,
  removal: { backend: string; hosts: InstanceHost[]; evenIfUnknown: boolean } | null,
): Promise<SweptOrphan> {
  if (orphan.keep !== null) return { ...orphan, state: 'kept', detail: orphan.keep };
  if (orphan.young) return { ...orphan, state: 'young', detail: null };
  if (!removal) return { ...orphan, state: 'found', detail: null };
  const { kind, id } = orphan;
  try {
    const { hosts, ...rest } = removal;
    const host = hostOf(orphan, hosts);
    const done = await removeOrphan.executeWithOptions(step(`remove ${kind} ${id}`), [
      { ...rest, orphan: { kind, id }, host },
    ]);
    return done === 'removed'
      ? { ...orphan, state: 'removed', detail: null }
      : { ...orphan, state: 'kept', detail: 'it is in use again' };
  } catch (failure) {
    return { ...orphan, state: 'failed', detail: problemOf(failure).message };
  }
}

/** One server may be two instances, and what is on it is of one of them. */
function hostOf({ kind, id, serverId }: Orphan, hosts: InstanceHost[]): InstanceHost | null {
  const host = hosts.find((one) =>
    kind === 'leftovers' ? id.startsWith(`${one.instanceId}/`) : one.serverId === serverId,
  );
  return host ?? null;
}

/** In the worker's log, for those who never ask. */
function warn({ backend, orphans, problems }: SweepReport): void {
  const left = orphans.filter(({ state }) => state !== 'removed' && state !== 'young');
  if (left.length === 0) return;
  log.warn('there are things that belong to no share and no service instance: hawser sweep', {
    backend,
    orphans: left.map(({ kind, id, why }) => `${kind} ${id}: ${why}`),
    problems,
  });
}
