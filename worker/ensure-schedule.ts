import {
  ScheduleAlreadyRunning,
  ScheduleNotFoundError,
  ScheduleOverlapPolicy,
  type Client,
} from '@temporalio/client';
import { taskQueue } from '../workflows/model.js';
import type { EnsureSharesInput } from '../workflows/ensure-shares.js';
import type { Log } from './logger.js';

interface Ensured {
  name: string;
  ensure_shares_interval: number;
}

export const ensureScheduleId = (backend: string): string => `ensure-shares-${backend}`;

/**
 * Has all shares of a backend ensured now and, by a Temporal Schedule, at the interval of the configuration; the
 * schedule is removed when that is 0. Several workers may do so at once, and one that can't still serves shares.
 */
export async function scheduleEnsuring(temporal: Client, backend: Ensured, log: Log) {
  try {
    if (backend.ensure_shares_interval === 0) await removeSchedule(temporal, backend);
    else await setSchedule(temporal, backend);
  } catch (error) {
    log.warn({ error, backend: backend.name }, 'the schedule that ensures shares was not set');
  }
}

async function setSchedule(temporal: Client, backend: Ensured): Promise<void> {
  const scheduleId = ensureScheduleId(backend.name);
  const wanted = scheduleOf(backend);
  try {
    await temporal.schedule.create({ scheduleId, ...wanted, state: { triggerImmediately: true } });
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
    const handle = temporal.schedule.getHandle(scheduleId);
    await handle.update((known) => ({ ...known, ...wanted }));
    const { state } = await handle.describe();
    // An operator who paused it wants nothing of the kind to run.
    if (!state.paused) await handle.trigger(ScheduleOverlapPolicy.SKIP);
  }
}

async function removeSchedule(temporal: Client, { name }: Ensured): Promise<void> {
  try {
    await temporal.schedule.getHandle(ensureScheduleId(name)).delete();
  } catch (error) {
    if (!(error instanceof ScheduleNotFoundError)) throw error;
  }
}

const scheduleOf = ({ name, ensure_shares_interval }: Ensured) => ({
  spec: { intervals: [{ every: `${ensure_shares_interval}m` as const }] },
  policies: {
    overlap: ScheduleOverlapPolicy.SKIP,
    // What was missed while Temporal was away, the next one makes good.
    catchupWindow: '1m',
  } as const,
  action: {
    type: 'startWorkflow',
    workflowType: 'ensureShares',
    workflowId: `ensureShares-${name}`,
    taskQueue: taskQueue(name),
    args: [{ backend: name, instanceId: null } satisfies EnsureSharesInput],
    staticSummary: `Ensure all shares of ${name}`,
  } as const,
});
