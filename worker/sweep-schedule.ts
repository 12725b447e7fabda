import type { Client } from '@temporalio/client';
import { taskQueue } from '../workflows/model.js';
import { searchAttributes } from '../workflows/search-attributes.js';
import type { SweepInput } from '../workflows/sweep.js';
import type { Log } from './logger.js';
import { setSchedule } from './schedules.js';

interface Swept {
  name: string;
  sweep_interval: number;
}

export const sweepScheduleId = (backend: string): string => `sweep-${backend}`;

/**
 * Has a backend looked through for what belongs to nobody, by a Temporal Schedule at the interval of the configuration;
 * nothing is removed. The schedule goes when the interval is 0. One that can't be set is logged, and shares are served.
 */
export async function scheduleSweeping(temporal: Client, backend: Swept, log: Log) {
  const { name, sweep_interval: interval } = backend;
  const input: SweepInput = {
    backend: name,
    remove: false,
    graceSeconds: null,
    evenIfNothingLives: false,
    evenIfUnknown: false,
  };
  try {
    await setSchedule(temporal, {
      scheduleId: sweepScheduleId(name),
      interval,
      atStart: false,
      action: {
        type: 'startWorkflow',
        workflowType: 'sweep',
        workflowId: `sweep-${name}`,
        taskQueue: taskQueue(name),
        args: [input],
        staticSummary: `Look for what belongs to nobody in ${name}`,
        typedSearchAttributes: [{ key: searchAttributes.backend, value: name }],
      },
    });
  } catch (error) {
    log.warn({ error, backend: name }, 'the schedule that looks for orphans was not set');
  }
}
