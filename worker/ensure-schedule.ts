import type { Client } from '@temporalio/client';
import { taskQueue } from '../workflows/model.js';
import type { EnsureSharesInput } from '../workflows/ensure-shares.js';
import { searchAttributes } from '../workflows/search-attributes.js';
import type { Log } from './logger.js';
import { setSchedule } from './schedules.js';

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
  const { name, ensure_shares_interval: interval } = backend;
  try {
    await setSchedule(temporal, {
      scheduleId: ensureScheduleId(name),
      interval,
      atStart: true,
      action: {
        type: 'startWorkflow',
        workflowType: 'ensureShares',
        workflowId: `ensureShares-${name}`,
        taskQueue: taskQueue(name),
        args: [{ backend: name, instanceId: null } satisfies EnsureSharesInput],
        staticSummary: `Ensure all shares of ${name}`,
        typedSearchAttributes: [{ key: searchAttributes.backend, value: name }],
      },
    });
  } catch (error) {
    log.warn({ error, backend: name }, 'the schedule that ensures shares was not set');
  }
}
