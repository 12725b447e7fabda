import { randomUUID } from 'node:crypto';
import { ApplicationFailure } from '@temporalio/common';
import {
  WithStartWorkflowOperation,
  WorkflowUpdateFailedError,
  type WorkflowHandle,
} from '@temporalio/client';
import { expect } from 'vitest';
import { createUpdate } from '../../workflows/messages.js';
import {
  shareWorkflowId,
  taskQueue,
  type ShareRequest,
  type ShareView,
} from '../../workflows/model.js';
import type { share } from '../../workflows/share.js';
import type { Rig } from './workflows.js';

export const create = (rig: Rig, request: ShareRequest): Promise<ShareView> =>
  rig.client.workflow.executeUpdateWithStart(createUpdate, {
    startWorkflowOperation: new WithStartWorkflowOperation<typeof share>('share', {
      workflowId: shareWorkflowId(request.id),
      taskQueue: taskQueue(rig.backend),
      args: [{ request }],
      workflowIdConflictPolicy: 'USE_EXISTING',
    }),
    args: [request],
  });

export interface StoryShare {
  request: ShareRequest;
  handle: WorkflowHandle;
  view(): Promise<ShareView>;
  /** The view once the share has this status and no operation. */
  until(status: string): Promise<ShareView>;
}

/** A share that is available. */
export async function availableShare(
  rig: Rig,
  changes: Partial<ShareRequest> = {},
): Promise<StoryShare> {
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
  await create(rig, request);
  const handle = rig.client.workflow.getHandle(shareWorkflowId(request.id));
  const view = async () => (await handle.describe()).memo?.['view'] as ShareView;
  const until = async (status: string): Promise<ShareView> => {
    for (let tries = 0; tries < 400; tries += 1) {
      const seen = await view().catch(() => undefined);
      if (seen?.status === status && !seen.operation) return seen;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`share ${id} never became ${status}: ${JSON.stringify(await view())}`);
  };
  await until('available');
  return { request, handle, view, until };
}

/** Why an update was refused, or what it failed with. */
export async function refusal(answer: Promise<unknown>): Promise<ApplicationFailure> {
  const error = await answer.then(() => undefined).catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(WorkflowUpdateFailedError);
  const { cause } = error as WorkflowUpdateFailedError;
  expect(cause).toBeInstanceOf(ApplicationFailure);
  return cause as ApplicationFailure;
}
