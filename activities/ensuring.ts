import { ApplicationFailure, Context } from '@temporalio/activity';
import { WorkflowNotFoundError, WorkflowUpdateFailedError, type Client } from '@temporalio/client';
import { ensureShareUpdate, type EnsureRequest } from '../workflows/messages.js';
import { shareWorkflowId, type ShareOutcome } from '../workflows/model.js';
import { passing } from './failures.js';

export type EnsuringActivities = ReturnType<typeof createEnsuringActivities>;

/** What a share says no with, before anything was looked at. */
const leftAlone = ['ShareBusy', 'ShareNotAvailable'];

/** Asks the workflows of shares how they are, on behalf of those who care for many. */
export function createEnsuringActivities(temporal: Client) {
  return {
    /** Ensures one share and says what came of it; how the share itself fails is an answer. Safe to repeat. */
    async ensureOneShare({
      shareId,
      ...request
    }: EnsureRequest & { shareId: string }): Promise<ShareOutcome> {
      const handle = temporal.workflow.getHandle(shareWorkflowId(shareId));
      const asked = handle.executeUpdate(ensureShareUpdate, { args: [request] });
      // Nobody waits for it when we stop waiting.
      asked.catch(() => undefined);
      try {
        const { repaired } = await Promise.race([asked, Context.current().cancelled]);
        const result = repaired.length > 0 ? 'repaired' : 'healthy';
        return { id: shareId, result, details: repaired };
      } catch (error) {
        if (error instanceof WorkflowNotFoundError) {
          await refuseIfRunning(temporal, shareId);
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

/** It ended, or it continued as new while it was asked: then it is asked again. */
async function refuseIfRunning(temporal: Client, shareId: string): Promise<void> {
  const handle = temporal.workflow.getHandle(shareWorkflowId(shareId));
  const status = await handle.describe().then(
    (description) => description.status.name,
    (error: unknown) => {
      if (error instanceof WorkflowNotFoundError) return 'NOT_FOUND';
      throw error;
    },
  );
  if (status === 'RUNNING') throw passing('CloudBusy', `Share ${shareId} just continues as new`);
}
