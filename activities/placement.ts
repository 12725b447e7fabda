import { ApplicationFailure, Context, sleep } from '@temporalio/activity';
import {
  WithStartWorkflowOperation,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  type Client,
  type WorkflowUpdateHandle,
} from '@temporalio/client';
import {
  joinUpdate,
  leaveSignal,
  type JoinAnswer,
  type JoinResult,
  type Leaving,
} from '../workflows/messages.js';
import {
  commonInstanceId,
  equals,
  isSettled,
  serviceInstanceWorkflowId,
  shareWorkflowId,
  taskQueue,
  type ServiceInstanceView,
  type ShareNetwork,
} from '../workflows/model.js';
import type { ServiceInstanceEntityInput, serviceInstance } from '../workflows/service-instance.js';
import type { Backend, Backends } from './backend.js';
import { permanent } from './failures.js';
import { limitByKey } from './limit-by-key.js';
import { reportProgress } from './progress.js';

export type PlacementActivities = ReturnType<typeof createPlacementActivities>;

interface Place {
  backend: string;
  instanceId: string;
  shareId: string;
}

/** How soon, and how seldom at last, it is looked at an instance, in milliseconds. */
const SOON_MS = 20;
const SELDOM_MS = 1000;

/**
 * Of those that want to join an instance. Temporal has ten updates under way at one workflow: who comes after them is refused and
 * waits for longer and longer. Where four workers asked without end, now and then none was answered for about five seconds.
 */
const ASKING_AT_ONCE = 2;

async function lookUntil(so: () => Promise<boolean>): Promise<void> {
  for (let pauseMs = SOON_MS; !(await so()); pauseMs = Math.min(pauseMs * 2, SELDOM_MS)) {
    await sleep(pauseMs);
  }
}

/** Speaks to the workflows of service instances on behalf of shares. */
export function createPlacementActivities(backends: Backends, temporal: Client) {
  const inTurn = limitByKey(ASKING_AT_ONCE);

  const join = async ({
    backend: backendName,
    instanceId,
    shareId,
    shareNetwork,
    sizeGib = 0,
  }: Place & { shareNetwork: ShareNetwork | null; sizeGib?: number }): Promise<JoinResult> => {
    const backend = backends(backendName);
    refuseTooLarge(backend, shareId, sizeGib);
    // Whoever watches the share can follow the instance's own steps.
    reportProgress({ instanceId });
    return askUntilReady(serviceInstanceWorkflowId(instanceId), async () =>
      temporal.workflow.startUpdateWithStart(joinUpdate, {
        // Temporal's client takes one of them for one call only.
        startWorkflowOperation: startOfInstance(backend, { instanceId, shareNetwork }),
        waitForStage: 'ACCEPTED',
        args: [{ shareId, sizeGib, asksAgain: true }],
      }),
    );
  };

  const askUntilReady = async (
    workflowId: string,
    ask: () => Promise<WorkflowUpdateHandle<JoinAnswer>>,
  ): Promise<JoinResult> => {
    const { cancelled, cancellationSignal } = Context.current();
    for (;;) {
      const update = await refusalAsIs(
        inTurn(workflowId, () => {
          // Nobody would give back the place of one that is not wanted any more.
          cancellationSignal.throwIfAborted();
          return ask();
        }),
      );
      const answer = await Promise.race([refusalAsIs(update.result()), cancelled]);
      if (!('later' in answer)) return answer;
      await lookUntil(async () => isReady(update));
    }
  };

  /** Throws the reason for which the instance could not be set up. */
  const isReady = async ({ workflowId, workflowRunId }: WorkflowUpdateHandle<unknown>) => {
    const { status, view } = await lookAt(workflowId, workflowRunId);
    if (status === 'FAILED' && view?.error) {
      throw ApplicationFailure.nonRetryable(view.error.message, view.error.type);
    }
    return status !== 'RUNNING' || (view !== undefined && isSettled(view.status));
  };

  const lookAt = async (workflowId: string, runId?: string) => {
    const handle = temporal.workflow.getHandle(workflowId, runId);
    const { status, memo } = await handle.describe().catch(gone);
    return { status: status.name, view: memo?.['view'] as ServiceInstanceView | undefined };
  };

  /** What the instance's workflow tells of it; undefined when it does not run any more. */
  const viewOf = async (workflowId: string): Promise<ServiceInstanceView | undefined> => {
    const { status, view } = await lookAt(workflowId);
    return status === 'RUNNING' ? view : undefined;
  };

  const leave = async ({ instanceId, ...leaving }: Place & Leaving): Promise<void> => {
    const handle = temporal.workflow.getHandle(serviceInstanceWorkflowId(instanceId));
    try {
      // No update: Temporal has no more than ten of them under way at one workflow, and all of its shares may go at once.
      await handle.signal(leaveSignal, leaving);
    } catch (error) {
      if (!(error instanceof WorkflowNotFoundError)) throw error;
    }
    // Whoever looks at the instance when this has ended shall find it without the share.
    await lookUntil(async () => {
      const view = await viewOf(handle.workflowId);
      return !view?.shares.includes(leaving.shareId);
    });
  };

  return {
    /**
     * Takes a place on the service instance, starting its workflow if there is none, and waits until the
     * instance is active. Refuses a share that no instance may take. Safe to repeat: a share has one place at
     * most.
     */
    joinServiceInstance: join,

    /**
     * Takes a place for a share that is on the service instance already, and says for which share network that is.
     * Without an instance named, on the backend's one server for all. Safe to repeat.
     */
    async joinForManaging({
      backend,
      instanceId,
      shareId,
    }: Omit<Place, 'instanceId'> & { instanceId: string | null }): Promise<
      JoinResult & { shareNetwork: string | null }
    > {
      const { name, options } = backends(backend);
      if (!options.driver_handles_share_servers) {
        const common = commonInstanceId(name);
        if (instanceId !== null && instanceId !== common) throw noInstance(instanceId, name);
        const place = { backend, shareId, instanceId: common, shareNetwork: null };
        return { ...(await join(place)), shareNetwork: null };
      }
      if (instanceId === null) {
        throw permanent(
          'InvalidInput',
          `Backend ${name} has service instances of its own: name the one that share ${shareId} is on (hawser instance list)`,
        );
      }
      const handle = temporal.workflow.getHandle(serviceInstanceWorkflowId(instanceId));
      const view = await viewOf(handle.workflowId);
      if (view?.backend !== name) throw noInstance(instanceId, name);
      const network = view.shareNetwork;
      const joined = await askUntilReady(handle.workflowId, async () =>
        handle.startUpdate(joinUpdate, {
          waitForStage: 'ACCEPTED',
          args: [{ shareId, managing: true, asksAgain: true }],
        }),
      );
      return {
        ...joined,
        shareNetwork: network && `${network.networkId}/${network.subnetId}`,
      };
    },

    /** Whether a share of that id is there, in whatever status. Changes nothing. */
    async shareIsThere({ shareId }: { shareId: string }): Promise<boolean> {
      const handle = temporal.workflow.getHandle(shareWorkflowId(shareId));
      const { status } = await handle.describe().catch(gone);
      return status.name === 'RUNNING';
    },

    /**
     * Gives the place back; a workflow that is gone has no place to give back. An instance that serves a share that
     * was unmanaged stays from then on, until that is managed again, under whatever id, and `gone`. Safe to repeat.
     */
    leaveServiceInstance: leave,

    /**
     * Gives back the place of a share whose making was ended before it could say where it has one, if it has. Safe to
     * repeat.
     */
    async leaveAnyInstance({ backend, shareId }: Omit<Place, 'instanceId'>): Promise<void> {
      const query = `WorkflowType = 'serviceInstance' AND ExecutionStatus = 'Running' AND ${equals('HawserBackend', backend)}`;
      for await (const { workflowId } of temporal.workflow.list({ query })) {
        // A list may lag behind what the workflow itself says.
        const view = await viewOf(workflowId);
        if (!view?.shares.includes(shareId)) continue;
        await leave({ backend, instanceId: view.id, shareId, gone: true });
      }
    },
  };
}

/** GiB of shares that an instance may hold; null for no limit. */
const maxSizeGib = ({ max_share_server_size: most }: Backend['options']): number | null =>
  most === -1 ? null : most;

function refuseTooLarge({ name, options }: Backend, shareId: string, sizeGib: number): void {
  const most = maxSizeGib(options);
  if (sizeGib <= (most ?? Infinity)) return;
  throw permanent(
    'InvalidInput',
    `Share ${shareId} of ${sizeGib} GiB is larger than a service instance of backend ${name} may hold ` +
      `(max_share_server_size ${most}): ask for a smaller one, or another backend`,
  );
}

/** Starts a service instance's workflow where there is none; without a share network, a backend's one server's. */
export function startOfInstance(
  { name, options }: Pick<Backend, 'name' | 'options'>,
  { instanceId, shareNetwork }: Pick<ServiceInstanceEntityInput, 'instanceId' | 'shareNetwork'>,
) {
  const start: ServiceInstanceEntityInput = {
    instanceId,
    backend: name,
    shareNetwork,
    options: {
      maxShares: options.max_shares_per_share_server,
      maxSizeGib: maxSizeGib(options),
      unusedCleanupMs:
        shareNetwork && options.automatic_share_server_cleanup
          ? options.unused_share_server_cleanup_interval * 60_000
          : null,
      deleteWithLastShare: shareNetwork !== null && options.delete_share_server_with_last_share,
    },
  };
  return new WithStartWorkflowOperation<typeof serviceInstance>('serviceInstance', {
    workflowId: serviceInstanceWorkflowId(instanceId),
    taskQueue: taskQueue(name),
    args: [start],
    workflowIdConflictPolicy: 'USE_EXISTING',
    staticSummary: `Service instance ${instanceId}`,
  });
}

const noInstance = (instanceId: string, backend: string) =>
  permanent(
    'ManageInvalidShare',
    `Backend ${backend} has no service instance ${instanceId}; list them with: hawser instance list`,
  );

const gone = (error: unknown) => {
  if (error instanceof WorkflowNotFoundError) {
    return { status: { name: 'NOT_FOUND' }, memo: undefined };
  }
  throw error;
};

/** An update's own failure says whether trying again helps; it is passed on as it came. */
async function refusalAsIs<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof WorkflowUpdateFailedError && error.cause instanceof ApplicationFailure) {
      throw error.cause;
    }
    throw error;
  }
}
