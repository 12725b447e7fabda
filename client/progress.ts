import { setTimeout as sleep } from 'node:timers/promises';
import { defaultPayloadConverter, type Client } from '@temporalio/client';
import type { WorkflowExecutionDescription } from '@temporalio/client';
import proto from '@temporalio/proto';
import { optionalTsToMs } from '@temporalio/common/lib/time.js';
import { z } from 'zod';
import { serviceInstanceWorkflowId } from '../workflows/model.js';
import { TemporalUnreachable } from './errors.js';

/** An activity that runs now, or waits to. */
export interface RunningStep {
  /** Workflow type and id of the operation that the step belongs to. */
  operation: string;
  workflowId: string;
  /** The activity's type. */
  step: string;
  /** 1 for the first. */
  attempt: number;
  state: 'waiting for a worker' | 'running' | 'waiting to retry' | 'paused';
  /** Why the attempt before failed. */
  lastFailure: string | null;
  /** What the step last said of itself, for instance a status that it waits to change. */
  detail: string | null;
  /** Since the first attempt was seen, in milliseconds. */
  sinceMs: number;
}

export interface Progress<View> {
  view: View;
  /** The steps that do something, innermost ones; empty between two steps. */
  steps: RunningStep[];
  /** What holds everything up at the moment; undefined when all is well. */
  interruption?: string;
  /** How its workflow ended, once it has: `COMPLETED`, or from outside, `TERMINATED`. */
  ended?: string;
}

export interface WatchOptions {
  /** How often to look, in milliseconds. Default: 250. */
  intervalMs?: number;
  /** How long Temporal may be away before the watch gives up, in milliseconds. Default: 5 minutes. */
  patienceMs?: number;
  signal?: AbortSignal;
  /** Whether running steps are looked for, in more calls to Temporal. Default: true. */
  steps?: boolean;
}

/** One look: the view, the steps, and whether there is more to come. */
export interface Look<View> extends Progress<View> {
  settled: boolean;
  /** Settles when the operation that runs is over: then a look is due at once. Never rejects. */
  over?: Promise<void> | undefined;
}

/** How soon after an operation its outcome is looked for, in milliseconds; each further look waits twice as long, up to a limit. */
const SOON_MS = 20;
const SOON_AT_MOST_MS = 250;

/** Looks until `look` finds the thing settled. What Temporal cannot answer now is asked again. */
export async function* watch<View>(
  look: () => Promise<Look<View>>,
  { intervalMs = 250, patienceMs = 300_000, signal }: WatchOptions = {},
): AsyncGenerator<Progress<View>, void> {
  let last: Look<View> | undefined;
  let lastAnswerAt = Date.now();
  let known: Promise<void> | undefined;
  let soonMs = SOON_MS;
  for (;;) {
    signal?.throwIfAborted();
    try {
      last = await look();
      lastAnswerAt = Date.now();
      const { settled, over: _over, ...progress } = last;
      yield progress;
      if (settled) return;
    } catch (error) {
      const away = error instanceof TemporalUnreachable;
      if (!away || !last || Date.now() - lastAnswerAt > patienceMs) throw error;
      yield {
        view: last.view,
        steps: last.steps,
        interruption: `Temporal does not answer at ${error.address}; trying again`,
      };
    }
    if (last.over !== known) soonMs = SOON_MS;
    known = last.over;
    if (!(await endsWithin(intervalMs, known, signal))) continue;
    await sleep(Math.min(soonMs, intervalMs), undefined, { signal });
    soonMs = Math.min(soonMs * 2, SOON_AT_MOST_MS);
  }
}

/** Waits, until something is over at the longest; says whether it is. */
async function endsWithin(
  ms: number,
  over: Promise<void> | undefined,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const enough = new AbortController();
  const signals = [enough.signal, ...(signal ? [signal] : [])];
  const late = sleep(ms, false, { signal: AbortSignal.any(signals) });
  try {
    return await Promise.race(over ? [late, over.then(() => true)] : [late]);
  } finally {
    enough.abort();
  }
}

type Raw = WorkflowExecutionDescription['raw'];
type PendingActivity = NonNullable<Raw['pendingActivities']>[number];

/** Remembers when each step was first seen: a retry hides when the first attempt began. */
export class StepFinder {
  readonly #client: Client;
  readonly #firstSeen = new Map<string, number>();

  constructor(client: Client) {
    this.#client = client;
  }

  /** The running steps of a workflow, of its children, and of the instance that it waits for. */
  async stepsOf({ type, workflowId, raw }: WorkflowExecutionDescription): Promise<RunningStep[]> {
    const own = (raw.pendingActivities ?? []).map((activity) => ({
      step: this.#toStep(activity, type, workflowId),
      waitsFor: instanceWaitedFor(activity),
    }));
    const below = [
      ...(raw.pendingChildren ?? []).flatMap(({ workflowId: child }) => child ?? []),
      ...own.flatMap(({ waitsFor }) => waitsFor ?? []),
    ];
    const inner = await Promise.all(below.map((id) => this.#stepsOfId(id)));
    // While the instance reports steps of its own, they say more than "waiting for it".
    const waits = inner.flat().length > 0;
    return [
      ...own.flatMap(({ step, waitsFor }) => (waitsFor && waits ? [] : [step])),
      ...inner.flat(),
    ];
  }

  async #stepsOfId(workflowId: string): Promise<RunningStep[]> {
    try {
      return await this.stepsOf(await this.#client.workflow.getHandle(workflowId).describe());
    } catch {
      // It ended since, or cannot be asked now: the next look tells.
      return [];
    }
  }

  #toStep(activity: PendingActivity, operation: string, workflowId: string): RunningStep {
    const attempt = activity.attempt ?? 1;
    const key = `${workflowId} ${activity.activityId}`;
    const began = optionalTsToMs(activity.lastStartedTime ?? activity.scheduledTime) ?? Date.now();
    const since = this.#firstSeen.get(key) ?? Math.min(began, Date.now());
    this.#firstSeen.set(key, since);
    return {
      operation,
      workflowId,
      step: activity.activityType?.name ?? 'unknown',
      attempt,
      state: stateOf(activity),
      lastFailure: attempt > 1 ? rootMessage(activity.lastFailure) : null,
      detail: stateSeen.safeParse(heartbeatOf(activity)).data?.state ?? null,
      sinceMs: Math.max(0, Date.now() - since),
    };
  }
}

/** Why a workflow with no step running does not go on: since when nobody has taken up its next task. */
export function unattended({ raw }: WorkflowExecutionDescription): string | undefined {
  const task = raw.pendingWorkflowTask;
  const scheduled = proto.temporal.api.enums.v1.PendingWorkflowTaskState;
  if (task?.state !== scheduled.PENDING_WORKFLOW_TASK_STATE_SCHEDULED) return undefined;
  const since = optionalTsToMs(task.scheduledTime) ?? Date.now();
  return Date.now() - since > 1000 ? 'waiting for a worker to take it up' : undefined;
}

const states = proto.temporal.api.enums.v1.PendingActivityState;

function stateOf({ state, attempt, paused }: PendingActivity): RunningStep['state'] {
  if (paused) return 'paused';
  if (state !== states.PENDING_ACTIVITY_STATE_SCHEDULED) return 'running';
  return (attempt ?? 1) > 1 ? 'waiting to retry' : 'waiting for a worker';
}

function rootMessage(failure: PendingActivity['lastFailure']): string | null {
  let root = failure;
  while (root?.cause) root = root.cause;
  return root?.message ?? null;
}

function heartbeatOf(activity: PendingActivity): unknown {
  const [payload] = activity.heartbeatDetails?.payloads ?? [];
  try {
    return payload ? defaultPayloadConverter.fromPayload(payload) : null;
  } catch {
    return null;
  }
}

/** A step that waits for something says in its heartbeats what it sees. */
const stateSeen = z.object({ state: z.string() });

/** A step that waits for a service instance names it in its heartbeats. */
const instanceNamed = z.object({ instanceId: z.string() });

function instanceWaitedFor(activity: PendingActivity): string | undefined {
  const { data } = instanceNamed.safeParse(heartbeatOf(activity));
  return data && serviceInstanceWorkflowId(data.instanceId);
}
