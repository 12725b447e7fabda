import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { ApplicationFailure } from '@temporalio/common';
import {
  WithStartWorkflowOperation,
  WorkflowUpdateFailedError,
  type WorkflowHandle,
} from '@temporalio/client';
import { expect } from 'vitest';
import { createUpdate } from '../../workflows/messages.js';
import {
  serviceInstanceId,
  serviceInstanceWorkflowId,
  shareWorkflowId,
  taskQueue,
  type ServiceInstanceView,
  type ShareRequest,
  type ShareView,
} from '../../workflows/model.js';
import type { share } from '../../workflows/share.js';
import type { Rig } from './workflows.js';

/** A share on the rig's network, with an id of its own. */
export const requestFor = (rig: Rig, changes: Partial<ShareRequest> = {}): ShareRequest => {
  const id = changes.id ?? randomUUID();
  return {
    id,
    name: id,
    protocol: 'NFS',
    sizeGib: 1,
    shareNetwork: 'net',
    backend: rig.backend,
    ...changes,
  };
};

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

/** A share of the rig's, as its workflow's tests handle it. */
export interface StoryShare {
  id: string;
  request: ShareRequest;
  handle: WorkflowHandle<typeof share>;
  view(): Promise<ShareView>;
  /** The view once the share has this status and no operation. */
  until(status: string): Promise<ShareView>;
}

/** Asks for a share on the rig's network; it may be on its way yet. */
export async function beginShare(
  rig: Rig,
  changes: Partial<ShareRequest> = {},
): Promise<StoryShare> {
  const request = requestFor(rig, changes);
  const { id } = request;
  await create(rig, request);
  const handle = rig.client.workflow.getHandle<typeof share>(shareWorkflowId(id));
  const view = async () => (await handle.describe()).memo?.['view'] as ShareView;
  return {
    id,
    request,
    handle,
    view,
    until: async (status) => {
      let seen: ShareView | undefined;
      await until(async () => {
        seen = await view().catch(() => undefined);
        return seen?.status === status && !seen.operation;
      });
      return seen as ShareView;
    },
  };
}

/** A share that is available. */
export async function availableShare(
  rig: Rig,
  changes?: Partial<ShareRequest>,
): Promise<StoryShare> {
  const made = await beginShare(rig, changes);
  await made.until('available');
  return made;
}

/** The same; what the rig's steps recorded of its making is forgotten. */
export async function makeShare(rig: Rig, changes?: Partial<ShareRequest>): Promise<StoryShare> {
  const made = await availableShare(rig, changes);
  rig.calls.length = 0;
  return made;
}

export const instanceIdOf = (rig: Rig): string => serviceInstanceId(rig.backend, 's1', 0);

export const instanceHandle = (rig: Rig): WorkflowHandle =>
  rig.client.workflow.getHandle(serviceInstanceWorkflowId(instanceIdOf(rig)));

export const instanceView = async (rig: Rig): Promise<ServiceInstanceView> =>
  (await instanceHandle(rig).describe()).memo?.['view'] as ServiceInstanceView;

export async function until(done: () => Promise<boolean> | boolean): Promise<void> {
  for (let tries = 0; tries < 400; tries += 1) {
    if (await done()) return;
    await sleep(50);
  }
  throw new Error('it never came to pass');
}

/** Why an update was refused, or what it failed with. */
export async function refusal(answer: Promise<unknown>): Promise<ApplicationFailure> {
  const error = await answer.then(() => undefined).catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(WorkflowUpdateFailedError);
  const { cause } = error as WorkflowUpdateFailedError;
  expect(cause).toBeInstanceOf(ApplicationFailure);
  return cause as ApplicationFailure;
}
