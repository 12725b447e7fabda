import { ActivityCancellationType, type ActivityOptions } from '@temporalio/workflow';

/**
 * Every activity heartbeats by itself (see worker/interceptors.ts), so a dead worker is noticed within
 * seconds. The overall limit is long on purpose: a controller may be away for hours and lose nothing.
 * How long a cloud or a host may take is counted by the activities themselves, while they watch.
 */
const shared: ActivityOptions = {
  heartbeatTimeout: '4s',
  scheduleToCloseTimeout: '24h',
  // Undo must not start while the step it undoes is still at work.
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '30s' },
};

/** A few requests to the cloud. */
export const cloudCall: ActivityOptions = { ...shared, startToCloseTimeout: '5m' };

/** Requests to the cloud, then a wait for what they began. */
export const cloudWait: ActivityOptions = { ...shared, startToCloseTimeout: '1h' };

/** One round trip to a service instance. */
export const remoteCommand: ActivityOptions = { ...shared, startToCloseTimeout: '30m' };

/** One round trip to a service instance, for somebody who waits: a dead instance must not hold them for a day. */
export const promptCommand: ActivityOptions = {
  ...remoteCommand,
  scheduleToCloseTimeout: '15m',
};

/** One script that works through a whole file system, however large. */
export const longCommand: ActivityOptions = { ...shared, startToCloseTimeout: '24h' };

/** Waits for another workflow to answer, however long its own steps take. */
export const entityCall: ActivityOptions = {
  ...shared,
  startToCloseTimeout: '24h',
  scheduleToCloseTimeout: '48h',
};

/**
 * A look for somebody who waits: what does not answer is said to be dead within 90 s, not tried for hours.
 * Attempts are counted, not time: while no worker is there nothing was looked at.
 */
export const promptLook: ActivityOptions = {
  ...shared,
  startToCloseTimeout: '25s',
  retry: { maximumAttempts: 3, initialInterval: '2s', backoffCoefficient: 3 },
};
