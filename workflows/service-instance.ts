import {
  ApplicationFailure,
  CancellationScope,
  ParentClosePolicy,
  allHandlersFinished,
  condition,
  executeChild,
  makeContinueAsNewFunc,
  patched,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  upsertMemo,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import type { SearchAttributePair } from '@temporalio/common';
import type { ReadinessActivities } from '../activities/readiness.js';
import { remoteCommand } from './activity-options.js';
import { deleteServiceInstance } from './delete-service-instance.js';
import { handleOperations, oneAtATime } from './instance-operations.js';
import {
  checkImageUpdate,
  deleteInstanceUpdate,
  findServerUpdate,
  instanceQuery,
  joinUpdate,
  leaveSignal,
  leaveUpdate,
  shareSizedSignal,
  type Leaving,
} from './messages.js';
import {
  isSettled,
  type Problem,
  type ServiceInstance,
  type ServiceInstanceView,
  type ShareNetwork,
} from './model.js';
import { getCommonServer } from './get-common-server.js';
import { handleInstanceRetrying } from './instance-retrying.js';
import { endedFromOutside, failureOf, nothingUndone, problemOf } from './problem.js';
import { failedAgain, msUntil } from './retrying.js';
import { searchAttributes } from './search-attributes.js';
import { setUpServiceInstance } from './set-up-service-instance.js';

const { reportImageRequirements } = proxyActivities<ReadinessActivities>({
  ...remoteCommand,
  // A person waits for this answer: a dead instance is said to be dead, not tried for hours.
  scheduleToCloseTimeout: '90s',
});

/** How many who want to join it are answered as soon as it is ready, of those that would ask again. */
const heldJoins = 4;
const full = { full: true } as const;
/**
 * With so many events it continues as new. After the death of a worker another one reads the histories of all instances
 * again, half a millisecond an event, and their shares wait for it; Temporal itself would let them grow to thousands.
 */
const enoughEvents = 400;

/** What of the configuration rules an instance's life; fixed when it is set up. */
export interface ServiceInstanceOptions {
  maxShares: number;
  /** How many GiB all its shares may have together; null or nothing is no limit. */
  maxSizeGib?: number | null;
  /** How long it stays without a share, in milliseconds; null for ever. */
  unusedCleanupMs: number | null;
  /** Removes it at once with its last share. */
  deleteWithLastShare?: boolean;
}

export interface ServiceInstanceEntityInput {
  instanceId: string;
  backend: string;
  /** Null for a server that was there before: it is found, and neither made nor deleted. */
  shareNetwork: ShareNetwork | null;
  options: ServiceInstanceOptions;
  /** Carried over when the workflow continues as new. */
  state?: ServiceInstanceState;
}

interface ServiceInstanceState {
  view: ServiceInstanceView;
  instance: ServiceInstance | null;
  operations: number;
  /** GiB of each share. */
  sizes?: Record<string, number>;
  /** Where the unmanaged shares are mounted. */
  unmanagedPaths?: Record<string, string | undefined>;
  /** False when it was found dead: no share is put there. */
  alive?: boolean;
}

/**
 * One service instance: sets it up, keeps the list of the shares on it, and removes it when it was asked
 * to or stayed unused. Completes when the instance is gone; fails if it could not be set up. It can't be
 * cancelled: its shares would lose the one who knows of them.
 *
 * Without a share network it is a server that was there before, and stays: it is looked for instead of set up.
 */
export async function serviceInstance(input: ServiceInstanceEntityInput): Promise<void> {
  return CancellationScope.nonCancellable(() => liveAsInstance(input));
}

async function liveAsInstance(input: ServiceInstanceEntityInput): Promise<void> {
  const { instanceId, backend, shareNetwork, options } = input;
  const state = input.state ?? newInstance(input);
  const enough = patched('short-histories') ? enoughEvents : Infinity;
  const historyGrew = () => {
    const { continueAsNewSuggested, historyLength } = workflowInfo();
    return continueAsNewSuggested || historyLength >= enough;
  };
  const { view } = state;
  const unmanagedShares = () => view.unmanagedShares ?? [];
  const inUse = () => view.shares.length > 0 || unmanagedShares().length > 0;
  let deleteWanted = false;
  const inTurn = oneAtATime();

  const publish = () => {
    upsertMemo({ view });
    upsertSearchAttributes(attributesOf(view));
    setCurrentDetails(describeInstance(view));
  };

  const run = async <I, O>(
    operation: (input: I) => Promise<O>,
    job: I,
    summary: string,
  ): Promise<O> => {
    state.operations += 1;
    const workflowId = `${operation.name}-${instanceId}-${state.operations}`;
    view.operation = { type: operation.name, workflowId, startedAt: new Date().toISOString() };
    publish();
    try {
      return await executeChild(operation, {
        workflowId,
        args: [job],
        staticSummary: summary,
        memo: { instanceId },
        typedSearchAttributes: [
          { key: searchAttributes.backend, value: backend },
          ...networkAttribute(shareNetwork),
        ],
        parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
      });
    } finally {
      view.operation = null;
    }
  };

  const findOrMake = async (): Promise<ServiceInstance> =>
    shareNetwork
      ? run(
          setUpServiceInstance,
          { instanceId, backend, shareNetwork },
          `Set up service instance ${instanceId}`,
        )
      : run(getCommonServer, { instanceId, backend }, `Find the server of backend ${backend}`);

  const nextDeletion = (problem: Problem) =>
    failedAgain(view.retry, deleteServiceInstance.name, problem);

  const setUp = async () => {
    try {
      const instance = await findOrMake();
      requireSameServer(state, instance);
      state.instance = instance;
      state.alive = true;
      Object.assign(view, {
        status: 'active',
        serverId: instance.serverId,
        address: instance.address,
        error: null,
      });
    } catch (error) {
      // Ended from outside, it had no chance to undo anything.
      const isLeft = shareNetwork !== null && endedFromOutside(error);
      const problem = isLeft ? nothingUndone(problemOf(error)) : problemOf(error);
      Object.assign(view, { status: 'error', error: problem });
      if (problem.type === 'UndoIncomplete') view.retry = nextDeletion(problem);
    }
    publish();
  };

  let looking: Promise<void> | undefined;
  const lookAgain = async () => {
    looking ??= inTurn(setUp).finally(() => (looking = undefined));
    await looking;
  };

  const remove = async (network: ShareNetwork) => {
    view.status = 'deleting';
    try {
      await run(
        deleteServiceInstance,
        // What is left of a set-up that failed never was an instance whose disk somebody wants to keep.
        { instanceId, backend, shareNetwork: network, evenIfKept: state.instance === null },
        `Delete service instance ${instanceId}`,
      );
      view.status = 'deleted';
      delete view.retry;
    } catch (error) {
      const problem = problemOf(error);
      Object.assign(view, { status: 'error', error: problem, retry: nextDeletion(problem) });
      deleteWanted = false;
    }
    publish();
  };

  const letGoOf = (shareId: string): void => {
    view.shares = view.shares.filter((id) => id !== shareId);
    delete state.sizes?.[shareId];
  };

  const tooLarge = (sizeGib: number): boolean => {
    const taken = view.shares.reduce((sum, id) => sum + (state.sizes?.[id] ?? 0), 0);
    return taken + sizeGib > (options.maxSizeGib ?? Infinity);
  };
  const requireStaying = (shareId: string): void => {
    if (!deleteWanted && view.status !== 'deleting' && view.status !== 'deleted') return;
    // Not for ever: the next attempt finds it gone and starts a new one.
    throw ApplicationFailure.create({
      type: 'InstanceClosing',
      message: `Service instance ${instanceId} is being removed; share ${shareId} waits for a new one`,
    });
  };

  const { look } = handleOperations({
    view,
    instance: () => state.instance,
    foundAlive: (alive) => {
      state.alive = alive;
    },
    closing: () => deleteWanted,
    publish,
    run,
    inTurn,
  });

  const foundDead = () => state.alive === false;
  let lookingAtDead: Promise<unknown> | undefined;
  /** One that was found dead may have come back since. */
  const isDead = async (): Promise<boolean> => {
    if (!foundDead()) return false;
    lookingAtDead ??= look()
      .catch(() => undefined)
      .finally(() => (lookingAtDead = undefined));
    await lookingAtDead;
    return foundDead();
  };

  const settled = () => isSettled(view.status);
  let waiting = 0;

  setHandler(
    joinUpdate,
    async ({ shareId, sizeGib = 0, managing = false, asksAgain = false }) => {
      if (!shareNetwork && view.status === 'error') await lookAgain();
      const dead = !view.shares.includes(shareId) && (await isDead());
      requireStaying(shareId);
      // A share that is there already, or has no other place to go to, gets to know why it can't be.
      if (dead && (managing || !shareNetwork) && view.error) throw failureOf(view.error);
      if (dead) return full;
      if (!view.shares.includes(shareId)) {
        // What is to be deleted, now or at its next try, takes nobody in; not even after a reboot that succeeded.
        const closed = shareNetwork !== null && (view.status === 'error' || Boolean(view.retry));
        if (closed || view.shares.length >= view.maxShares || tooLarge(sizeGib)) return full;
        view.shares.push(shareId);
        state.sizes = { ...state.sizes, [shareId]: sizeGib };
        publish();
      }
      if (asksAgain && !settled() && waiting >= heldJoins) return { later: true };
      waiting += 1;
      await CancellationScope.nonCancellable(() => condition(settled));
      waiting -= 1;
      if (state.instance && view.status === 'active') return { instance: state.instance };
      letGoOf(shareId);
      throw failureOf(
        view.error ?? {
          type: 'InstanceNotActive',
          message: `Service instance ${instanceId} is gone.`,
        },
      );
    },
    {
      validator: ({ shareId, managing }) => {
        if (!managing && unmanagedShares().includes(shareId)) {
          throw ApplicationFailure.nonRetryable(
            `Share ${shareId} was unmanaged and is in service on ${instanceId} still: manage it again, or choose another id`,
            'ShareExists',
          );
        }
        requireStaying(shareId);
      },
    },
  );

  setHandler(shareSizedSignal, ({ shareId, sizeGib }) => {
    // One that left meanwhile would be counted for ever.
    if (view.shares.includes(shareId)) state.sizes = { ...state.sizes, [shareId]: sizeGib };
  });

  const leave = ({ shareId, unmanaged = false, gone = false, path }: Leaving): void => {
    const wasThere = view.shares.includes(shareId);
    letGoOf(shareId);
    // It may have been unmanaged before, under another id.
    const isIt = (id: string) =>
      id === shareId || (path !== undefined && state.unmanagedPaths?.[id] === path);
    if (gone || unmanaged) {
      for (const id of unmanagedShares().filter(isIt)) {
        view.unmanagedShares = unmanagedShares().filter((other) => other !== id);
        delete state.unmanagedPaths?.[id];
      }
    }
    // A server that was there before stays anyway.
    if (unmanaged && shareNetwork) {
      view.unmanagedShares = [...unmanagedShares(), shareId];
      state.unmanagedPaths = { ...state.unmanagedPaths, [shareId]: path };
    }
    // From here on no share can join, as with any deletion; whoever is joining has a place already.
    const wasLast = wasThere && !inUse() && ['active', 'rebooting'].includes(view.status);
    if (wasLast && options.deleteWithLastShare) deleteWanted = true;
    publish();
  };
  setHandler(leaveSignal, leave);
  setHandler(leaveUpdate, leave);

  setHandler(
    findServerUpdate,
    async ({ maxShares }) => {
      view.maxShares = maxShares;
      // The look that a new workflow begins with is as good.
      if (view.status === 'creating') await condition(() => view.status !== 'creating');
      else await lookAgain();
      if (state.instance && view.status === 'active') return state.instance;
      throw failureOf(view.error ?? { type: 'Failed', message: 'the server was not found' });
    },
    {
      validator: (_wanted) => {
        if (!shareNetwork) return;
        throw ApplicationFailure.nonRetryable(
          `Service instance ${instanceId} was made for its share network; it is not looked for`,
          'InvalidInput',
        );
      },
    },
  );
  setHandler(instanceQuery, () => state.instance);

  setHandler(checkImageUpdate, async () => {
    if (!state.instance) {
      throw failureOf({
        type: 'InstanceNotActive',
        message: `Service instance ${instanceId} is ${view.status}; it can be checked when it is active.`,
      });
    }
    return reportImageRequirements.executeWithOptions(
      { summary: `check the image requirements of ${instanceId}` },
      [{ host: state.instance }],
    );
  });

  setHandler(
    deleteInstanceUpdate,
    () => {
      deleteWanted = true;
    },
    {
      validator: () => {
        if (!shareNetwork) {
          throw ApplicationFailure.nonRetryable(
            `Service instance ${instanceId} is a server that was there before Hawser, and stays: unmanage or delete its shares and take backend ${backend} out of hawser.yaml instead.`,
            'InstanceInUse',
          );
        }
        if (unmanagedShares().length > 0) {
          throw ApplicationFailure.nonRetryable(
            `Service instance ${instanceId} stays: it serves shares that were unmanaged (${unmanagedShares().join(', ')}), of which Hawser knows nothing any more.`,
            'InstanceInUse',
          );
        }
        if (view.shares.length > 0) {
          throw ApplicationFailure.nonRetryable(
            `Service instance ${instanceId} has shares: ${view.shares.join(', ')}. Delete them first.`,
            'InstanceInUse',
          );
        }
        if (view.status === 'creating') {
          throw ApplicationFailure.nonRetryable(
            `Service instance ${instanceId} is being set up; delete it when that ended.`,
            'InstanceBusy',
          );
        }
      },
    },
  );

  const retrying = handleInstanceRetrying({
    view,
    publish,
    tryAgain: () => {
      if (inUse()) {
        const users = [...view.shares, ...unmanagedShares()].join(', ');
        throw failureOf({
          type: 'InstanceInUse',
          message: `Service instance ${instanceId} is used by shares (${users}): delete it when they are gone.`,
        });
      }
      deleteWanted = true;
    },
  });

  publish();
  if (view.status === 'creating') await setUp();
  if (view.status === 'error' && !state.instance) {
    await condition(allHandlersFinished);
    const problem = view.error ?? { type: 'Failed', message: 'set-up failed' };
    // With something left behind it stays, for a deletion to try again.
    if (problem.type !== 'UndoIncomplete') throw failureOf(problem);
  }

  while (view.status !== 'deleted' && !retrying.forgotten()) {
    if (inUse()) {
      await condition(() => !inUse() || historyGrew() || retrying.forgotten());
    } else {
      const usedAgain = () => deleteWanted || inUse() || historyGrew() || retrying.forgotten();
      const patienceMs = view.retry ? msUntil(view.retry) : options.unusedCleanupMs;
      const stillUnused =
        patienceMs === null
          ? await condition(usedAgain).then(() => false)
          : !(await condition(usedAgain, patienceMs));
      if (stillUnused && !inUse()) deleteWanted = true;
    }
    if (retrying.forgotten()) break;
    if (deleteWanted && !inUse() && shareNetwork) await inTurn(() => remove(shareNetwork));
    else if (historyGrew()) {
      await condition(allHandlersFinished);
      // A deletion or a giving up may have been accepted meanwhile; neither is carried over.
      if ((deleteWanted && !inUse()) || retrying.forgotten()) continue;
      const goOn = makeContinueAsNewFunc<typeof serviceInstance>({
        memo: { view },
        typedSearchAttributes: attributesOf(view),
      });
      await goOn({ ...input, state });
    }
  }
  retrying.end();
  await condition(allHandlersFinished);
}

function newInstance(input: ServiceInstanceEntityInput): ServiceInstanceState {
  const { instanceId, backend, shareNetwork, options } = input;
  const view: ServiceInstanceView = {
    id: instanceId,
    backend,
    shareNetwork,
    status: 'creating',
    serverId: null,
    address: null,
    shares: [],
    maxShares: options.maxShares,
    error: null,
    operation: null,
    createdAt: new Date().toISOString(),
  };
  return { view, instance: null, operations: 0 };
}

const attributesOf = ({
  status,
  backend,
  shareNetwork,
}: ServiceInstanceView): SearchAttributePair[] => [
  { key: searchAttributes.status, value: status },
  { key: searchAttributes.backend, value: backend },
  ...networkAttribute(shareNetwork),
];

const networkAttribute = (shareNetwork: ShareNetwork | null): SearchAttributePair[] =>
  shareNetwork ? [{ key: searchAttributes.shareNetwork, value: shareNetwork.id }] : [];

/** The name in the configuration may mean another server now; the shares are on the one that it meant before. */
function requireSameServer({ view, instance }: ServiceInstanceState, found: ServiceInstance): void {
  if (!instance || instance.serverId === found.serverId || view.shares.length === 0) return;
  throw failureOf({
    type: 'ServerNotFound',
    message: `Service instance ${view.id} is server ${instance.serverId}, with shares ${view.shares.join(', ')}; the configuration now names server ${found.serverId}. Set service_instance_name_or_id to the former.`,
  });
}

function describeInstance(view: ServiceInstanceView): string {
  return [
    `**${view.status}**: service instance \`${view.id}\``,
    ...(view.error ? [`Problem: ${view.error.message}`] : []),
    ...(view.retry ? [`Tried again at ${view.retry.nextTry}: ${view.retry.reason}`] : []),
    ...(view.operation ? [`Running: \`${view.operation.workflowId}\``] : []),
    ...(view.serverId ? [`Server \`${view.serverId}\` at ${view.address}`] : []),
    `${view.shares.length} of ${view.maxShares} places taken`,
    ...view.shares.map((id) => `- share \`${id}\``),
    ...(view.unmanagedShares ?? []).map((id) => `- share \`${id}\`, unmanaged`),
  ].join('\n\n');
}
