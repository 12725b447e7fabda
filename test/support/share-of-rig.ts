import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { ApplicationFailure } from '@temporalio/common';
import {
  WithStartWorkflowOperation,
  WorkflowUpdateFailedError,
  type WorkflowHandle,
} from '@temporalio/client';
import { createUpdate } from '../../workflows/messages.js';
import {
  shareWorkflowId,
  taskQueue,
  type ShareRequest,
  type ShareView,
} from '../../workflows/model.js';
import type { share } from '../../workflows/share.js';
import type { Rig } from './workflows.js';

/** A share of a rig, as its clients see it. */
export interface ShareOfRig {
  id: string;
  handle: WorkflowHandle;
  view(): Promise<ShareView>;
  /** Waits until the share has this status and nothing runs on it. */
  until(status: string): Promise<ShareView>;
}

/** Asks for a share of 1 GiB by NFS, but for `changes`, and waits until its create has ended. */
export async function makeShare(
  rig: Rig,
  changes: Partial<ShareRequest> = {},
  status = 'available',
): Promise<ShareOfRig> {
  const id = randomUUID();
  const request: ShareRequest = {
    id,
    name: id,
    protocol: 'NFS',
    sizeGib: 1,
    shareNetwork: 'net',
    backend: rig.backend,
    ...changes,
  };
  const workflowId = shareWorkflowId(request.id);
  await rig.client.workflow.executeUpdateWithStart(createUpdate, {
    startWorkflowOperation: new WithStartWorkflowOperation<typeof share>('share', {
      workflowId,
      taskQueue: taskQueue(rig.backend),
      args: [{ request }],
      workflowIdConflictPolicy: 'USE_EXISTING',
    }),
    args: [request],
  });
  const handle = rig.client.workflow.getHandle(workflowId);
  const view = async () => (await handle.describe()).memo?.['view'] as ShareView;
  const until = async (wanted: string) => {
    for (let tries = 0; tries < 200; tries += 1) {
      const seen = await view().catch(() => undefined);
      if (seen?.status === wanted && !seen.operation) return seen;
      await sleep(50);
    }
    throw new Error(`${workflowId} never became ${wanted}: ${JSON.stringify(await view())}`);
  };
  await until(status);
  return { id: request.id, handle, view, until };
}

/** Why an update was refused or failed; fails if it was not. */
export async function refusalOf(answer: Promise<unknown>): Promise<ApplicationFailure> {
  const error = await answer.then(() => undefined).catch((caught: unknown) => caught);
  if (error instanceof WorkflowUpdateFailedError && error.cause instanceof ApplicationFailure) {
    return error.cause;
  }
  throw error instanceof Error ? error : new Error('the update was accepted and succeeded');
}
