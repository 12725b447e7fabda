import {
  ApplicationFailure,
  CancellationScope,
  ChildWorkflowFailure,
  ParentClosePolicy,
  TerminatedFailure,
  TimeoutFailure,
  allHandlersFinished,
  condition,
  executeChild,
  makeContinueAsNewFunc,
  setCurrentDetails,
  setHandler,
  upsertMemo,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import type { SearchAttributePair } from '@temporalio/common';
import { createShare } from './create-share.js';
import { deleteShare } from './delete-share.js';
import {
  allowAccessUpdate,
  createUpdate,
  deleteShareUpdate,
  denyAccessUpdate,
  placedSignal,
} from './messages.js';
import {
  differingParameters,
  newShareView,
  type AccessRule,
  type ServiceInstance,
  type ShareRequest,
  type ShareView,
} from './model.js';
import { failureOf, problemOf } from './problem.js';
import { searchAttributes } from './search-attributes.js';
import { updateAccess } from './update-access.js';
import { canonicalAddress, validateAccess, validateShareRequest } from './validation.js';

export interface ShareInput {
  request: ShareRequest;
  /** Carried over when the workflow continues as new. */
  state?: ShareState;
}

interface ShareState {
  view: ShareView;
  instance: ServiceInstance | null;
  /** Whether anything of it may be in the cloud. */
  exists: boolean;
  /** How many operations ran: part of each operation's workflow id. */
  operations: number;
}

/**
 * One share, from creation until nothing of it is left. Requests arrive as updates; operations run one
 * at a time, in the order of arrival, each as a child workflow. Completes when the share is deleted, and
 * can't be cancelled: what it stands for would be left with nobody to know of it.
 */
export async function share(input: ShareInput): Promise<ShareView> {
  return CancellationScope.nonCancellable(() => liveAsShare(input));
}

async function liveAsShare({ request, state = newShare(request) }: ShareInput): Promise<ShareView> {
  const { view } = state;
  const queue: (() => Promise<void>)[] = [];

  const publish = () => {
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

  const requireAvailable = () => {
    if (view.status !== 'available') {
      refuse('ShareNotAvailable', `its status is ${view.status}; access rules need it available`);
    }
  };

  /** Queues an operation; settles as it does, when its turn came. */
  const inTurn = async <T>(operation: () => Promise<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      queue.push(() => operation().then(resolve, reject));
    });

  const run = async <I, O>(
    operation: (input: I) => Promise<O>,
    input: I,
    summary: string,
  ): Promise<O> => {
    state.operations += 1;
    const workflowId = `${operation.name}-${view.id}-${state.operations}`;
    view.operation = { type: operation.name, workflowId, startedAt: now() };
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

  const create = async () => {
    const invalid = validateShareRequest(request);
    try {
      if (invalid) throw failureOf({ type: 'InvalidInput', message: invalid });
      const made = await run(createShare, request, `Create ${describeRequest(request)}`);
      state.instance = made.instance;
      view.serviceInstance = made.instance.instanceId;
      view.exportLocations = made.exportLocations;
      view.status = 'available';
    } catch (error) {
      view.status = 'error';
      view.error = problemOf(error);
      if (view.error.type !== 'UndoIncomplete' && !endedFromOutside(error)) {
        state.exists = false;
        state.instance = null;
        view.serviceInstance = null;
      }
    }
    publish();
  };

  /**
   * Writes the whole list of rules to the service instance, without those that are being denied; `changed` is
   * the rule it is done for. A rule whose denial failed stays `denying` until a later write leaves it out.
   */
  const syncAccess = async (changed: AccessRule, summary: string) => {
    const instance = state.instance ?? refuse('ShareNotAvailable', 'it is on no service instance');
    const rules = view.accessRules.filter((rule) => rule.state !== 'denying');
    const denied = view.accessRules.filter((rule) => rule.state === 'denying');
    try {
      await run(updateAccess, { share: request, instance, rules }, summary);
    } catch (error) {
      if (changed.state !== 'denying') changed.state = 'error';
      publish();
      throw failureOf(problemOf(error));
    }
    for (const rule of rules) rule.state = 'active';
    // Filtered anew: rules may have come while the old list was being written.
    view.accessRules = view.accessRules.filter((rule) => !denied.includes(rule));
    publish();
  };

  const remove = async () => {
    view.status = 'deleting';
    view.error = null;
    try {
      if (state.exists) {
        const input = { share: request, instance: state.instance };
        await run(deleteShare, input, `Delete share ${view.id}`);
      }
      Object.assign(view, { status: 'deleted', serviceInstance: null });
      Object.assign(view, { exportLocations: [], accessRules: [] });
    } catch (error) {
      view.status = 'error_deleting';
      view.error = problemOf(error);
    }
    publish();
  };

  const findRule = (text: string): AccessRule | undefined =>
    view.accessRules.find((rule) => rule.id === text || rule.to === canonicalOrUndefined(text));

  setHandler(placedSignal, (instance) => {
    state.instance = instance;
    view.serviceInstance = instance.instanceId;
    publish();
  });

  setHandler(createUpdate, () => view, {
    validator: (wanted) => {
      const different = differingParameters(wanted, request);
      if (different.length > 0) {
        refuse('ShareExists', `it exists already with another ${different.join(', ')}`);
      }
    },
  });

  setHandler(
    allowAccessUpdate,
    async ({ id, to, level }) => {
      const address = canonicalAddress(to);
      const known = view.accessRules.find((rule) => rule.id === id);
      const rule: AccessRule = known ?? { id, to: address, level, state: 'queued_to_apply' };
      if (!known) view.accessRules.push(rule);
      publish();
      return inTurn(async () => {
        requireAvailable();
        const listed = view.accessRules.includes(rule);
        if (listed && rule.state === 'active') return { ...rule };
        // A deny that was ahead in the queue took it away.
        if (!listed) view.accessRules.push(rule);
        rule.state = 'applying';
        await syncAccess(rule, `Allow ${level} from ${address}`);
        return { ...rule };
      });
    },
    {
      validator: ({ id, to, level }) => {
        requireAvailable();
        const invalid = validateAccess(view.protocol, to, level);
        if (invalid) refuse('InvalidInput', invalid);
        const address = canonicalAddress(to);
        const twin = view.accessRules.find((rule) => rule.to === address);
        if (twin && (twin.id !== id || twin.level !== level)) {
          refuse(
            'RuleExists',
            `rule ${twin.id} gives ${twin.level} to ${address} already; deny it first`,
          );
        }
        const reused = view.accessRules.find((rule) => rule.id === id);
        if (reused && reused.to !== address) {
          refuse('RuleExists', `rule ${id} exists for ${reused.to}; choose another id`);
        }
      },
    },
  );

  setHandler(
    denyAccessUpdate,
    async ({ rule: text }) => {
      const rule = findRule(text) ?? refuse('RuleNotFound', `no access rule is ${text}`);
      return inTurn(async () => {
        requireAvailable();
        // Another request may have taken it away while this one waited.
        if (!view.accessRules.includes(rule)) return { ...rule };
        rule.state = 'denying';
        await syncAccess(rule, `Deny ${rule.to}`);
        return { ...rule };
      });
    },
    {
      validator: ({ rule }) => {
        requireAvailable();
        if (!findRule(rule)) {
          refuse(
            'RuleNotFound',
            `no access rule is ${rule}; list them with: hawser access list ${view.id}`,
          );
        }
      },
    },
  );

  setHandler(
    deleteShareUpdate,
    () => {
      if (view.status !== 'deleting') {
        view.status = 'deleting';
        queue.push(remove);
        publish();
      }
      return view;
    },
    {
      validator: () => {
        if (view.status === 'creating') {
          refuse('ShareBusy', 'it is being created; delete it when that ended');
        }
      },
    },
  );

  const deleted = () => view.status === 'deleted';

  publish();
  if (view.status === 'creating') await create();
  while (!deleted()) {
    await condition(() => queue.length > 0 || workflowInfo().continueAsNewSuggested);
    await queue.shift()?.();
    await condition(() => queue.length > 0 || allHandlersFinished());
    if (queue.length === 0 && !deleted()) {
      // Without its memo the new run would be unreadable until its first task.
      const goOn = makeContinueAsNewFunc<typeof share>({
        memo: { view },
        typedSearchAttributes: view.serviceInstance
          ? [
              ...attributesOf(view),
              { key: searchAttributes.serviceInstance, value: view.serviceInstance },
            ]
          : attributesOf(view),
      });
      await goOn({ request, state });
    }
  }
  await condition(allHandlersFinished);
  return view;
}

function newShare(request: ShareRequest): ShareState {
  const view = newShareView(request, now());
  return { view, instance: null, exists: true, operations: 0 };
}

/** A failed operation undid what it did; one that was ended from outside had no chance to. */
function endedFromOutside(error: unknown): boolean {
  return (
    error instanceof ChildWorkflowFailure &&
    (error.cause instanceof TerminatedFailure || error.cause instanceof TimeoutFailure)
  );
}

function now(): string {
  return new Date().toISOString();
}

function canonicalOrUndefined(text: string): string | undefined {
  try {
    return canonicalAddress(text);
  } catch {
    return undefined;
  }
}

function attributesOf(view: ShareView): SearchAttributePair[] {
  return [
    { key: searchAttributes.status, value: view.status },
    { key: searchAttributes.protocol, value: view.protocol },
    { key: searchAttributes.backend, value: view.backend },
    { key: searchAttributes.sizeGib, value: view.sizeGib },
  ];
}

const describeRequest = ({ protocol, id, sizeGib, shareNetwork }: ShareRequest): string =>
  `${protocol} share ${id}, ${sizeGib} GiB, for ${shareNetwork}`;

function describeShare(view: ShareView): string {
  return [
    `**${view.status}**: ${describeRequest(view)}`,
    ...(view.error ? [`Problem: ${view.error.message}`] : []),
    ...(view.operation ? [`Running: \`${view.operation.workflowId}\``] : []),
    ...(view.serviceInstance ? [`Service instance: \`${view.serviceInstance}\``] : []),
    ...view.exportLocations.map(({ path }) => `Export: \`${path}\``),
    ...view.accessRules.map(({ to, level, state }) => `- ${to} ${level} (${state})`),
  ].join('\n\n');
}
