import {
  ScheduleAlreadyRunning,
  ScheduleNotFoundError,
  ScheduleOverlapPolicy,
  type Client,
  type ScheduleOptions,
} from '@temporalio/client';

/** A workflow that runs at an interval. */
export interface Regular {
  scheduleId: string;
  /** Minutes; 0 is never. */
  interval: number;
  /** Whether a worker that starts has it run, too. */
  atStart: boolean;
  action: ScheduleOptions['action'];
}

/**
 * Makes the Temporal Schedule as the configuration has it, or removes it when its interval is 0. One that an operator paused
 * stays paused. Safe to repeat, and in several workers at once.
 */
export async function setSchedule(temporal: Client, regular: Regular): Promise<void> {
  const { scheduleId, interval, atStart, action } = regular;
  if (interval === 0) return removeSchedule(temporal, scheduleId);
  const wanted = {
    spec: { intervals: [{ every: `${interval}m` as const }] },
    policies: {
      overlap: ScheduleOverlapPolicy.SKIP,
      // What was missed while Temporal was away, the next one makes good.
      catchupWindow: '1m',
    } as const,
    action,
  };
  try {
    const state = { triggerImmediately: atStart };
    await temporal.schedule.create({ scheduleId, ...wanted, state });
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
    const handle = temporal.schedule.getHandle(scheduleId);
    await handle.update((known) => ({ ...known, ...wanted }));
    const { state } = await handle.describe();
    // An operator who paused it wants nothing of the kind to run.
    if (atStart && !state.paused) await handle.trigger(ScheduleOverlapPolicy.SKIP);
  }
}

async function removeSchedule(temporal: Client, scheduleId: string): Promise<void> {
  try {
    await temporal.schedule.getHandle(scheduleId).delete();
  } catch (error) {
    if (!(error instanceof ScheduleNotFoundError)) throw error;
  }
}
