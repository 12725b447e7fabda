import { setTimeout as sleep } from 'node:timers/promises';
import {
  ApplicationFailure,
  WorkflowUpdateFailedError,
  type Client,
  type WorkflowFailedError,
} from '@temporalio/client';
import proto from '@temporalio/proto';
import { optionalTsToMs } from '@temporalio/common/lib/time.js';
import { taskQueue } from '../workflows/model.js';
import { InvalidInput, NoWorker, OperationFailed, Refused, type HawserError } from './errors.js';

/** What a share or instance says no with, before anything was done. */
const refusals = new Set([
  'ShareNotAvailable',
  'ShareBusy',
  'ShareHasSnapshots',
  'RuleExists',
  'RuleNotFound',
  'ShareHasSnapshots',
  'SnapshotBusy',
  'SnapshotExists',
  'UnknownSnapshot',
  'InstanceInUse',
  'InstanceBusy',
  'InstanceNotActive',
  'NothingToRetry',
]);

/** The reason in an update's failure, or undefined when the error is none. */
export function updateFailure(error: unknown): HawserError | undefined {
  if (!(error instanceof WorkflowUpdateFailedError)) return undefined;
  const { type, message } = reasonOf(error);
  if (type === 'InvalidInput') return new InvalidInput([{ field: 'request', message }]);
  return refusals.has(type) ? new Refused(type, message) : new OperationFailed(type, message);
}

/** The reason that a person can act on, dug out of the failures that Temporal wrapped around it. */
export function reasonOf(error: WorkflowUpdateFailedError | WorkflowFailedError) {
  let cause: Error | undefined = error.cause;
  while (cause && !(cause instanceof ApplicationFailure) && cause.cause instanceof Error) {
    cause = cause.cause;
  }
  const type = (cause instanceof ApplicationFailure && cause.type) || 'Failed';
  return { type, message: cause?.message ?? error.message };
}

const START_PATIENCE_MS = 5_000;
const WATCH_INTERVAL_MS = 5_000;
/** A poll that waits for work is renewed once a minute. */
const POLL_RENEWED_MS = 75_000;

/**
 * Throws `NoWorker` when nobody serves the backend: a share of a backend that does not exist would be
 * started and wait for ever. A worker that starts at the same time as we do is waited for.
 */
export async function requireWorker(client: Client, backend: string): Promise<void> {
  const deadline = Date.now() + START_PATIENCE_MS;
  while ((await lastPollAt(client, backend)) === undefined) {
    if (Date.now() > deadline) throw new NoWorker(backend);
    await sleep(250);
  }
}

/** Sends an update; throws `NoWorker` when it stays unanswered and no worker has polled for a while. */
export async function whileServed<T>(
  client: Client,
  backend: string,
  send: () => Promise<T>,
): Promise<T> {
  const answered = new AbortController();
  const given = new AbortController();
  const watchdog = async (): Promise<never> => {
    for (;;) {
      await sleep(WATCH_INTERVAL_MS, undefined, { signal: answered.signal });
      const polledAt = await lastPollAt(client, backend);
      if (polledAt === undefined || Date.now() - polledAt > POLL_RENEWED_MS) {
        throw new NoWorker(backend);
      }
    }
  };
  try {
    return await Promise.race([client.withAbortSignal(given.signal, send), watchdog()]);
  } finally {
    answered.abort();
    given.abort();
  }
}

/** Whether a worker has polled for the backend's work of late. */
export async function isServed(client: Client, backend: string): Promise<boolean> {
  const polledAt = await lastPollAt(client, backend);
  return polledAt !== undefined && Date.now() - polledAt <= POLL_RENEWED_MS;
}

async function lastPollAt(client: Client, backend: string): Promise<number | undefined> {
  const { pollers } = await client.workflowService.describeTaskQueue({
    namespace: client.options.namespace,
    taskQueue: { name: taskQueue(backend) },
    taskQueueType: proto.temporal.api.enums.v1.TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
  });
  const times = (pollers ?? []).flatMap((poller) => optionalTsToMs(poller.lastAccessTime) ?? []);
  return times.length > 0 ? Math.max(...times) : undefined;
}
