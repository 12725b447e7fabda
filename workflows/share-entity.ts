import {
  ApplicationFailure,
  ParentClosePolicy,
  executeChild,
  getExternalWorkflowHandle,
  setCurrentDetails,
  upsertMemo,
  upsertSearchAttributes,
} from '@temporalio/workflow';
import type { SearchAttributePair } from '@temporalio/common';
import type { TakenOver } from './give-back.js';
import {
  inService,
  newShareView,
  serviceInstanceWorkflowId,
  type AccessRule,
  type ManageRequest,
  type Problem,
  type ServiceInstance,
  type ShareLocation,
  type ShareRequest,
  type ShareView,
} from './model.js';
import { shareSizedSignal } from './messages.js';
import { searchAttributes } from './search-attributes.js';

/** What a share's workflow carries over when it continues as new. */
export interface ShareState {
  view: ShareView;
  instance: ServiceInstance | null;
  /** Null before it was made. */
  location: ShareLocation | null;
  /** What it was asked to take over; absent for a share that was created. */
  managed?: ManageRequest;
  /** What a take-over, under way or failed, may have left behind; null before it touched anything. */
  leftover?: TakenOver | null;
  /** Whether anything of it may be in the cloud. */
  exists: boolean;
  /** How the latest change of size ended that somebody may ask for again. */
  answered?: { request: string; problem: Problem | null };
  /** What was denied of late, latest last, by requests that somebody may send again. */
  denied?: { request: string; rule: AccessRule }[];
  /** How many operations ran: part of each operation's workflow id. */
  operations: number;
}

export type Operation<Input, Output> = (input: Input) => Promise<Output>;

export type ShareEntity = ReturnType<typeof createShareEntity>;

/**
 * What the parts of a share's workflow work with: its state, the queue in which its operations run one at a
 * time, and the ways to run, refuse and publish.
 */
export function createShareEntity(request: ShareRequest, state: ShareState) {
  // What an older build carried over lacks what is newer.
  const view: ShareView = { ...newShareView(request, state.view.createdAt), ...state.view };
  state.view = view;
  view.accessRules = view.accessRules.map((rule) => Object.assign({ type: 'ip' as const }, rule));
  state.location ??= null;
  const queue: (() => Promise<void>)[] = [];

  const publish = (): void => {
    upsertMemo({ view });
    upsertSearchAttributes([
      ...attributesOf(view),
      { key: searchAttributes.serviceInstance, value: view.serviceInstance },
    ]);
    setCurrentDetails(describeShare(view));
  };

  const refuse = (type: string, reason: string): never => {
    throw ApplicationFailure.nonRetryable(`Share ${view.id}: ${reason}`, type);
  };

  /** Runs an operation as a child workflow. Only in turn: two would be at one share. */
  const run = async <I, O>(operation: Operation<I, O>, input: I, summary: string): Promise<O> => {
    state.operations += 1;
    const workflowId = `${operation.name}-${view.id}-${state.operations}`;
    const startedAt = new Date().toISOString();
    view.operation = { type: operation.name, workflowId, startedAt };
    publish();
    try {
      return await executeChild(operation, {
        workflowId,
        args: [input],
        staticSummary: summary,
        memo: { shareId: view.id },
        typedSearchAttributes: [{ key: searchAttributes.backend, value: view.backend }],
        parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
      });
    } finally {
      view.operation = null;
    }
  };

  /** Queues an operation; settles as it does, when its turn came. */
  const inTurn = async <T>(operation: () => Promise<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      queue.push(() => operation().then(resolve, reject));
    });

  return {
    request,
    state,
    view,
    /** Operations that wait for their turn. */
    queue,

    /** Shows the view in memo, search attributes and the Web UI. */
    publish,

    /** Ends a request with a failure of this type that names the share. */
    refuse,

    /** Refuses what needs clients to be able to use the share; `what` it is, in the plural. */
    requireInService(what: string): void {
      if (!inService(view.status)) {
        refuse('ShareNotAvailable', `its status is ${view.status}; ${what} need it available`);
      }
    },

    /** Where it is; refuses when it is nowhere. */
    place(): { instance: ServiceInstance; location: ShareLocation | null } {
      const { instance, location } = state;
      if (!instance) return refuse('ShareNotAvailable', 'it is on no service instance');
      return { instance, location };
    },

    /** Has its instance count it with the size that it has now. One that is gone counts nothing. */
    async tellSize(): Promise<void> {
      const { instance } = state;
      if (!instance) return;
      const { id: shareId, sizeGib } = view;
      const workflow = getExternalWorkflowHandle(serviceInstanceWorkflowId(instance.instanceId));
      await workflow.signal(shareSizedSignal, { shareId, sizeGib }).catch(() => undefined);
    },

    inTurn,
    run,
  };
}

export function newShareState(request: ShareRequest): ShareState {
  const view = newShareView(request, new Date().toISOString());
  return { view, instance: null, location: null, exists: true, operations: 0 };
}

export function attributesOf(view: ShareView): SearchAttributePair[] {
  return [
    { key: searchAttributes.status, value: view.status },
    { key: searchAttributes.protocol, value: view.protocol },
    { key: searchAttributes.backend, value: view.backend },
    { key: searchAttributes.sizeGib, value: view.sizeGib },
  ];
}

export const describeRequest = ({ protocol, id, sizeGib, shareNetwork }: ShareRequest): string =>
  `${protocol} share ${id}, ${sizeGib} GiB${shareNetwork === null ? '' : `, for ${shareNetwork}`}`;

function describeShare(view: ShareView): string {
  return [
    `**${view.status}**: ${describeRequest(view)}`,
    ...(view.error ? [`Problem: ${view.error.message}`] : []),
    ...(view.retry ? [`Tried again at ${view.retry.nextTry}: ${view.retry.reason}`] : []),
    ...(view.operation ? [`Running: \`${view.operation.workflowId}\``] : []),
    ...(view.serviceInstance ? [`Service instance: \`${view.serviceInstance}\``] : []),
    ...view.exportLocations.map(({ path }) => `Export: \`${path}\``),
    ...view.accessRules.map(({ to, level, state }) => `- ${to} ${level} (${state})`),
    ...view.snapshots.map(({ id, status }) => `- snapshot ${id} (${status})`),
  ].join('\n\n');
}
