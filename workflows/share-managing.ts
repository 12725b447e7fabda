import { setHandler } from '@temporalio/workflow';
import { takingOverSignal } from './give-back.js';
import { manageExisting } from './manage-existing.js';
import { manageUpdate, unmanageUpdate } from './messages.js';
import {
  commonInstanceId,
  differingManageParameters,
  inService,
  type ManageRequest,
  type ShareRequest,
  type ShareStatus,
} from './model.js';
import { endedFromOutside, failureOf, problemOf } from './problem.js';
import { failedAgain, withoutLeftovers } from './retrying.js';
import { newShareState, type ShareEntity, type ShareState } from './share-entity.js';
import { unmanage } from './unmanage.js';
import { validateManageRequest } from './validation.js';

/** A share in its first moment that is taken over instead of created. */
export function managedShareState(request: ShareRequest, managed: ManageRequest): ShareState {
  const state = newShareState(request);
  state.view.status = 'manage_starting';
  // There is nothing in the cloud that would be gone with it.
  return { ...state, exists: false, managed };
}

/** Takes the share over; it ends available or in `manage_error`, with everything as it was or remembered. */
export async function takeOver(entity: ShareEntity): Promise<void> {
  const { state, view, publish } = entity;
  const { managed } = state;
  if (!managed) return;
  view.error = null;
  const invalid = validateManageRequest(managed);
  try {
    if (invalid) throw failureOf({ type: 'InvalidInput', message: invalid });
    // What an attempt left half done must not pass for what was found.
    await putBack(entity);
    const { instance, location, ...made } = await attempt(entity, managed);
    Object.assign(state, { instance, location, exists: true });
    Object.assign(view, made, {
      status: 'available',
      serviceInstance: instance.instanceId,
      volumeId: location.volumeId,
    });
    delete view.retry;
    await entity.tellSize();
  } catch (error) {
    view.status = 'manage_error';
    view.error = problemOf(error);
    if (state.leftover === undefined) delete view.retry;
    else view.retry = failedAgain(view.retry, unmanage.name, view.error);
  }
  publish();
}

async function attempt({ state, view, run }: ShareEntity, managed: ManageRequest) {
  state.leftover = null;
  try {
    const made = await run(
      manageExisting,
      managed,
      `Take over ${managed.exportLocation} as share ${view.id}`,
    );
    delete state.leftover;
    return made;
  } catch (error) {
    const undone = problemOf(error).type !== 'UndoIncomplete' && !endedFromOutside(error);
    if (undone) delete state.leftover;
    throw error;
  }
}

/** Undoes what a failed take-over left, if there is anything. */
export async function putBack({ state, view, run }: ShareEntity): Promise<void> {
  const { leftover, managed } = state;
  if (leftover === undefined || !managed) return;
  const job = { ...placeOf(managed), takenOver: leftover, instance: null, path: null };
  await run(unmanage, job, `Put back what share ${view.id} was to be made of`);
  delete state.leftover;
}

/** The same, for one that nobody asks for any more but its own retry: it stays as one that failed. */
export async function putBackLater(entity: ShareEntity): Promise<void> {
  const { view, publish } = entity;
  try {
    await putBack(entity);
    view.error = withoutLeftovers(view.error);
    delete view.retry;
  } catch (error) {
    view.retry = failedAgain(view.retry, unmanage.name, problemOf(error));
  }
  publish();
}

const placeOf = ({ id: shareId, backend, serviceInstance }: ManageRequest) => ({
  shareId,
  backend,
  instanceId: serviceInstance ?? commonInstanceId(backend),
});

/** Of a share whose place and files are known, and of one that could not be taken over in full. */
const mayBeUnmanaged = (status: ShareStatus): boolean =>
  inService(status) ||
  ['unmanage_error', 'manage_error', 'extending_error', 'shrinking_error'].includes(status);

/** On an instance that died: its data are still there. */
const isOutOfService = ({ view, state }: ShareEntity): boolean =>
  view.status === 'error' && state.instance !== null && view.exportLocations.length > 0;

/**
 * Answers the requests to take a share over, and to let go of it while it stays in service. Returns how it is let go of, for
 * one more try.
 */
export function handleManaging(entity: ShareEntity): () => Promise<void> {
  const { state, view, queue, publish, refuse, run } = entity;

  setHandler(takingOverSignal, (found) => {
    state.leftover = found;
  });

  setHandler(
    manageUpdate,
    () => {
      if (view.status === 'manage_error') {
        view.status = 'manage_starting';
        // Unless it was given up meanwhile: nobody would be left to serve it.
        queue.push(async () => {
          if (view.status === 'manage_starting') await takeOver(entity);
        });
        publish();
      }
      return view;
    },
    {
      validator: (wanted) => {
        if (!state.managed) {
          return refuse('ShareExists', 'it exists already, and was created; choose another id');
        }
        const different = differingManageParameters(wanted, state.managed);
        if (different.length > 0) {
          refuse('ShareExists', `it exists already with another ${different.join(', ')}`);
        }
        if (view.status === 'deleting' || view.status === 'unmanaging') {
          refuse('ShareBusy', `its status is ${view.status}; ask again when it is gone`);
        }
        return undefined;
      },
    },
  );

  const letGo = async () => {
    if (view.status === 'deleted') return;
    view.status = 'unmanaging';
    view.error = null;
    const { instance } = state;
    try {
      if (instance) {
        const { instanceId } = instance;
        const path = state.location?.path ?? null;
        const job = { shareId: view.id, backend: view.backend, instanceId, instance, path };
        await run(unmanage, { ...job, takenOver: null }, `Unmanage share ${view.id}`);
      } else {
        await putBack(entity);
      }
      view.status = 'unmanaged';
      delete view.retry;
    } catch (error) {
      view.status = 'unmanage_error';
      view.error = problemOf(error);
      view.retry = failedAgain(view.retry, unmanage.name, view.error);
    }
    publish();
  };

  setHandler(
    unmanageUpdate,
    () => {
      if (view.status !== 'unmanaging') {
        view.status = 'unmanaging';
        view.error = null;
        queue.push(letGo);
        publish();
      }
      return view;
    },
    {
      validator: () => {
        if (view.snapshots.length > 0) {
          const ids = view.snapshots.map(({ id }) => id).join(', ');
          refuse('ShareHasSnapshots', `it has snapshots: ${ids}; delete or unmanage them first`);
        }
        const may = mayBeUnmanaged(view.status) || isOutOfService(entity);
        if (view.status !== 'unmanaging' && !may) {
          refuse(
            'ShareNotAvailable',
            `its status is ${view.status}; it can be unmanaged when it is available`,
          );
        }
      },
    },
  );

  return letGo;
}
