import {
  CancellationScope,
  allHandlersFinished,
  condition,
  makeContinueAsNewFunc,
  patched,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import { createShare } from './create-share.js';
import { deleteShare } from './delete-share.js';
import { createUpdate, deleteShareUpdate, placedSignal } from './messages.js';
import {
  differingParameters,
  type AccessType,
  type ManageRequest,
  type ShareLocation,
  type ShareRequest,
  type ShareView,
} from './model.js';
import { endedFromOutside, failureOf, nothingUndone, problemOf } from './problem.js';
import { searchAttributes } from './search-attributes.js';
import { handleAccess } from './share-access.js';
import { handleEnsure } from './share-ensure.js';
import { handleManaging, managedShareState, putBack, takeOver } from './share-managing.js';
import {
  attributesOf,
  createShareEntity,
  describeRequest,
  newShareState,
  type ShareEntity,
  type ShareState,
} from './share-entity.js';
import { failedAgain, untilDue } from './retrying.js';
import { handleRetrying } from './share-retrying.js';
import { handleSize } from './share-size.js';
import { handleSnapshots } from './share-snapshots.js';
import { validateShareRequest } from './validation.js';

export interface ShareInput {
  request: ShareRequest;
  /** What to take over instead of creating it. */
  managed?: ManageRequest;
  /** Carried over when the workflow continues as new. */
  state?: ShareState;
}

/**
 * One share, from creation until nothing of it is left. Requests arrive as updates; operations run one
 * at a time, in the order of arrival, each as a child workflow. Completes when the share is deleted or let go
 * of, and can't be cancelled: what it stands for would be left with nobody to know of it.
 */
export async function share(input: ShareInput): Promise<ShareView> {
  return CancellationScope.nonCancellable(() => liveAsShare(input));
}

async function liveAsShare({
  request,
  managed,
  state = managed ? managedShareState(request, managed) : newShareState(request),
}: ShareInput): Promise<ShareView> {
  const entity = createShareEntity(request, state);
  const { view, queue, publish } = entity;

  handleCreation(entity);
  const writeRules = handleAccess(entity);
  handleSize(entity);
  const removeSnapshot = handleSnapshots(entity);
  const bringBack = handleEnsure(entity);
  const letGo = handleManaging(entity);
  const remove = handleDeletion(entity);
  const retrying = handleRetrying(entity, { remove, letGo, removeSnapshot, bringBack, writeRules });

  const over = () =>
    view.status === 'deleted' || view.status === 'unmanaged' || retrying.forgotten();

  publish();
  if (view.status === 'creating') await create(entity);
  if (view.status === 'manage_starting') await takeOver(entity);
  while (!over()) {
    const wanted = () => queue.length > 0 || workflowInfo().continueAsNewSuggested;
    if (!(await untilDue(wanted, retrying.retries()))) queue.push(retrying.tryWhatIsDue);
    await queue.shift()?.();
    if (!over() && (await nothingToDo(queue)) && !over()) {
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
  // Whatever was accepted behind the end is answered: each operation says why it can't be any more.
  while (queue.length > 0) await queue.shift()?.();
  await condition(allHandlersFinished);
  return view;
}

/** Temporal has the run that comes after a younger one wait for the rest of this time, and its first request with it. */
const YOUNG_MS = 1000;

/** False as soon as there is something to do, true when there was none until the run may end. */
async function nothingToDo(queue: ShareEntity['queue']): Promise<boolean> {
  for (;;) {
    await condition(() => queue.length > 0 || allHandlersFinished());
    if (queue.length > 0) return false;
    const youngForMs = YOUNG_MS - (Date.now() - workflowInfo().runStartTime.getTime());
    if (youngForMs <= 0 || !patched('stays-while-young')) return true;
    await condition(() => queue.length > 0 || !allHandlersFinished(), youngForMs);
  }
}

function handleCreation({ request, state, view, publish, refuse }: ShareEntity): void {
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
}

async function create({ request, state, view, publish, run }: ShareEntity): Promise<void> {
  const invalid = validateShareRequest(request);
  try {
    if (invalid) throw failureOf({ type: 'InvalidInput', message: invalid });
    const made = await run(createShare, request, `Create ${describeRequest(request)}`);
    state.instance = made.instance;
    // One that an older build began says less.
    const location: ShareLocation | undefined = made.location;
    state.location = location ?? null;
    view.serviceInstance = made.instance.instanceId;
    view.exportLocations = made.exportLocations;
    const accessBy: AccessType | undefined = made.accessBy;
    view.accessBy = accessBy ?? 'ip';
    view.volumeId = location?.volumeId ?? null;
    view.volumeSizeGib = made.volumeSizeGib ?? null;
    view.status = 'available';
  } catch (error) {
    view.status = 'error';
    const isLeft = endedFromOutside(error);
    view.error = problemOf(error);
    if (isLeft && patched('ended-makings-undone')) view.error = nothingUndone(view.error);
    if (view.error.type === 'UndoIncomplete') {
      view.retry = failedAgain(undefined, deleteShare.name, view.error);
    } else if (!isLeft) {
      state.exists = false;
      state.instance = null;
      view.serviceInstance = null;
    }
  }
  publish();
}

/** Answers the request to delete the share, and returns how it is done, for one more try. */
function handleDeletion(entity: ShareEntity) {
  const { request, state, view, queue, publish, refuse, run } = entity;
  const remove = async () => {
    if (view.status === 'unmanaged' || view.status === 'deleted') return;
    view.status = 'deleting';
    view.error = null;
    try {
      if (state.exists) {
        const { instance, location } = state;
        const isRetry = view.retry?.operation === deleteShare.name;
        const input = { share: request, instance, location, isRetry };
        await run(deleteShare, input, `Delete share ${view.id}`);
      }
      await putBack(entity);
      Object.assign(view, { status: 'deleted', serviceInstance: null });
      Object.assign(view, { volumeId: null, volumeSizeGib: null });
      Object.assign(view, { exportLocations: [], accessRules: [] });
      delete view.retry;
    } catch (error) {
      view.status = 'error_deleting';
      view.error = problemOf(error);
      view.retry = failedAgain(view.retry, deleteShare.name, view.error);
    }
    publish();
  };

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
        if (['extending', 'shrinking', 'manage_starting', 'unmanaging'].includes(view.status)) {
          refuse('ShareBusy', `its status is ${view.status}; delete it when that ended`);
        }
        if (view.status === 'unmanage_error') {
          refuse('ShareBusy', 'it is half unmanaged; unmanage it again, and what is left stays');
        }
        if (view.snapshots.length > 0) {
          const ids = view.snapshots.map(({ id }) => id).join(', ');
          refuse(
            'ShareHasSnapshots',
            `it has snapshots: ${ids}. Delete each of them first with: hawser snapshot delete ${view.id} SNAPSHOT`,
          );
        }
      },
    },
  );

  return remove;
}
