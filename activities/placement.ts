import { ApplicationFailure, Context } from '@temporalio/activity';
import {
  WithStartWorkflowOperation,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  type Client,
} from '@temporalio/client';
import { joinUpdate, leaveUpdate, type JoinResult } from '../workflows/messages.js';
import { serviceInstanceWorkflowId, taskQueue, type ShareNetwork } from '../workflows/model.js';
import type { ServiceInstanceEntityInput, serviceInstance } from '../workflows/service-instance.js';
import type { Backend, Backends } from './backend.js';
import { passing, permanent } from './failures.js';
import { reportProgress } from './progress.js';

export type PlacementActivities = ReturnType<typeof createPlacementActivities>;

interface Place {
  backend: string;
  instanceId: string;
  shareId: string;
}

/** Speaks to the workflows of service instances on behalf of shares. */
export function createPlacementActivities(backends: Backends, temporal: Client) {
  return {
    /**
     * Takes a place on the service instance, starting its workflow if there is none, and waits until the
     * instance is active. Refuses a share that no instance may take. Safe to repeat: a share has one place at
     * most.
     */
    async joinServiceInstance({
      backend: backendName,
      instanceId,
      shareId,
      shareNetwork,
      sizeGib = 0,
    }: Place & { shareNetwork: ShareNetwork | null; sizeGib?: number }): Promise<JoinResult> {
      const backend = backends(backendName);
      refuseTooLarge(backend, shareId, sizeGib);
      const operation = startOfInstance(backend, { instanceId, shareNetwork });
      // Whoever watches the share can follow the instance's own steps.
      reportProgress({ instanceId });
      const update = await refusalAsIs(
        temporal.workflow.startUpdateWithStart(joinUpdate, {
          startWorkflowOperation: operation,
          waitForStage: 'ACCEPTED',
          args: [{ shareId, sizeGib }],
        }),
      );
      return Promise.race([refusalAsIs(update.result()), Context.current().cancelled]);
    },

    /** Gives the place back; a workflow that is gone has no place to give back. Safe to repeat. */
    async leaveServiceInstance({ instanceId, shareId }: Place): Promise<void> {
      const handle = temporal.workflow.getHandle(serviceInstanceWorkflowId(instanceId));
      try {
        await handle.executeUpdate(leaveUpdate, { args: [{ shareId }] });
      } catch (error) {
        if (!(error instanceof WorkflowNotFoundError)) throw error;
        // It ended, or it continued as new while it was asked.
        const { status } = await handle.describe().catch(gone);
        if (status.name === 'RUNNING') {
          throw passing('CloudBusy', `Service instance ${instanceId} just continues as new`);
        }
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

const gone = (error: unknown) => {
  if (error instanceof WorkflowNotFoundError) return { status: { name: 'NOT_FOUND' } };
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
