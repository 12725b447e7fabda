import { setHandler } from '@temporalio/workflow';
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
import { failureOf, problemOf } from './problem.js';
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

/** Takes the share over; it ends available or in `manage_error`, with everything as it was. */
export async function takeOver({ state, view, publish, run }: ShareEntity): Promise<void> {
  const { managed } = state;
  if (!managed) return;
  view.error = null;
  const invalid = validateManageRequest(managed);
  try {
    if (invalid) throw failureOf({ type: 'InvalidInput', message: invalid });
    const { instance, location, ...made } = await run(
      manageExisting,
      managed,
      `Take over ${managed.exportLocation} as share ${view.id}`,
    );
    Object.assign(state, { instance, location, exists: true });
    Object.assign(view, made, {
      status: 'available',
      serviceInstance: instance.instanceId,
      volumeId: location.volumeId,
    });
  } catch (error) {
    view.status = 'manage_error';
    view.error = problemOf(error);
  }
  publish();
}

/** Of a share whose place and files are known, and of one that could not be taken over in full. */
const mayBeUnmanaged = (status: ShareStatus): boolean =>
  inService(status) ||
  ['unmanage_error', 'manage_error', 'extending_error', 'shrinking_error'].includes(status);

/** On an instance that died: its data are still there. */
const isOutOfService = ({ view, state }: ShareEntity): boolean =>
  view.status === 'error' && state.instance !== null && view.exportLocations.length > 0;

/** Answers the requests to take a share over, and to let go of it while it stays in service. */
export function handleManaging(entity: ShareEntity): void {
  const { state, view, queue, publish, refuse, run } = entity;

  setHandler(
    manageUpdate,
    () => {
      if (view.status === 'manage_error') {
        view.status = 'manage_starting';
        queue.push(() => takeOver(entity));
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
    const instanceId =
      state.instance?.instanceId ??
      state.managed?.serviceInstance ??
      commonInstanceId(view.backend);
    const job = { shareId: view.id, backend: view.backend, instanceId, instance: state.instance };
    try {
      await run(unmanage, job, `Unmanage share ${view.id}`);
      view.status = 'unmanaged';
    } catch (error) {
      view.status = 'unmanage_error';
      view.error = problemOf(error);
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
}
