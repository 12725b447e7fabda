import { ApplicationFailure, Context } from '@temporalio/activity';
import { WorkflowNotFoundError, WorkflowUpdateFailedError, type Client } from '@temporalio/client';
import { defineSearchAttributeKey } from '@temporalio/common';
import {
  ensureInstanceUpdate,
  ensureShareUpdate,
  type EnsureRequest,
} from '../workflows/messages.js';
import {
  equals,
  serviceInstanceWorkflowId,
  shareWorkflowId,
  type InstanceHealth,
  type ShareOutcome,
  type ShareView,
} from '../workflows/model.js';
import { passing } from './failures.js';

export type EnsuringActivities = ReturnType<typeof createEnsuringActivities>;

const serviceInstanceKey = defineSearchAttributeKey('HawserServiceInstance', 'KEYWORD');

/** Interrupted in the middle, a file system that is being resized may be lost. */
const brokenByReboot = new Set(['createShare', 'extendShare', 'shrinkShare']);

/** What a share says no with, before anything was looked at. */
const leftAlone = ['ShareBusy', 'ShareNotAvailable'];

/** Asks the workflows of shares and service instances how they are, on behalf of those who care for many. */
export function createEnsuringActivities(temporal: Client) {
  const sharesThat = (clause: string) =>
    temporal.workflow.list({
      query: `WorkflowType = 'share' AND ExecutionStatus = 'Running' AND ${clause}`,
    });

  return {
    /** The service instances of a backend that have shares. Changes nothing. */
    async listInstancesWithShares({ backend }: { backend: string }): Promise<string[]> {
      const instances = new Set<string>();
      for await (const { typedSearchAttributes } of sharesThat(equals('HawserBackend', backend))) {
        const instanceId = typedSearchAttributes.get(serviceInstanceKey);
        if (instanceId !== undefined) instances.add(instanceId);
      }
      return [...instances].sort();
    },

    /** Which of these shares are at work with something that a reboot would break off, each with its operation. */
    async sharesAtWork({ shareIds }: { shareIds: string[] }): Promise<string[]> {
      const views = await Promise.all(shareIds.map((shareId) => viewOf(temporal, shareId)));
      return views.flatMap((view) =>
        view?.operation && brokenByReboot.has(view.operation.type)
          ? [`${view.id} (${view.operation.type})`]
          : [],
      );
    },

    /** The ids of the shares on a service instance. Changes nothing. */
    async listSharesOn({ instanceId }: { instanceId: string }): Promise<string[]> {
      const shares: string[] = [];
      for await (const { workflowId } of sharesThat(equals('HawserServiceInstance', instanceId))) {
        shares.push(workflowId.slice(shareWorkflowId('').length));
      }
      return shares.sort();
    },

    /**
     * Asks a service instance how it is. Without an answer it is on its way in or out; null when no workflow
     * knows of it, and its shares can only be looked at one by one. Safe to repeat.
     */
    async ensureOneInstance({
      instanceId,
    }: {
      instanceId: string;
    }): Promise<InstanceHealth | { notNow: string } | null> {
      const workflowId = serviceInstanceWorkflowId(instanceId);
      const handle = temporal.workflow.getHandle(workflowId);
      const asked = handle.executeUpdate(ensureInstanceUpdate, { updateId: ownUpdateId() });
      asked.catch(() => undefined);
      try {
        return await Promise.race([asked, Context.current().cancelled]);
      } catch (error) {
        if (error instanceof WorkflowNotFoundError) {
          await refuseIfRunning(temporal, workflowId);
          return null;
        }
        const { cause } = error instanceof WorkflowUpdateFailedError ? error : {};
        if (!(cause instanceof ApplicationFailure)) throw error;
        return { notNow: cause.message };
      }
    },

    /** Ensures one share and says what came of it; how the share itself fails is an answer. Safe to repeat. */
    async ensureOneShare({
      shareId,
      ...request
    }: EnsureRequest & { shareId: string }): Promise<ShareOutcome> {
      const handle = temporal.workflow.getHandle(shareWorkflowId(shareId));
      const asked = handle.executeUpdate(ensureShareUpdate, {
        args: [request],
        updateId: ownUpdateId(),
      });
      // Nobody waits for it when we stop waiting.
      asked.catch(() => undefined);
      try {
        const { repaired } = await Promise.race([asked, Context.current().cancelled]);
        const result = repaired.length > 0 ? 'repaired' : 'healthy';
        return { id: shareId, result, details: repaired };
      } catch (error) {
        if (error instanceof WorkflowNotFoundError) {
          await refuseIfRunning(temporal, shareWorkflowId(shareId));
          return { id: shareId, result: 'skipped', details: ['it is gone'] };
        }
        const { cause } = error instanceof WorkflowUpdateFailedError ? error : {};
        if (!(cause instanceof ApplicationFailure)) throw error;
        const result = leftAlone.includes(cause.type ?? '') ? 'skipped' : 'failed';
        return { id: shareId, result, details: [cause.message] };
      }
    },
  };
}

/** Each attempt of a step asks the same: it gets the answer to an earlier one's request, and is not refused because of it. */
function ownUpdateId(): string {
  const { activityId, workflowExecution } = Context.current().info;
  return `${workflowExecution?.runId}-${activityId}`;
}

/** It ended, or it continued as new while it was asked: then it is asked again. */
async function refuseIfRunning(temporal: Client, workflowId: string): Promise<void> {
  const status = await temporal.workflow
    .getHandle(workflowId)
    .describe()
    .then(
      (description) => description.status.name,
      (error: unknown) => {
        if (error instanceof WorkflowNotFoundError) return 'NOT_FOUND';
        throw error;
      },
    );
  if (status === 'RUNNING') throw passing('CloudBusy', `${workflowId} just continues as new`);
}

async function viewOf(temporal: Client, shareId: string): Promise<ShareView | undefined> {
  try {
    const { memo } = await temporal.workflow.getHandle(shareWorkflowId(shareId)).describe();
    return memo?.['view'] as ShareView | undefined;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}
