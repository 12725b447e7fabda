import { patched, proxyActivities, setHandler } from '@temporalio/workflow';
import type { PlacementActivities } from '../activities/placement.js';
import { entityCall } from './activity-options.js';
import { deleteShare } from './delete-share.js';
import { ensureShare } from './ensure-share.js';
import { giveUpUpdate, retryUpdate } from './messages.js';
import {
  commonInstanceId,
  isTransient,
  type Retry,
  type ShareView,
  type Snapshot,
} from './model.js';
import { failureOf, problemOf } from './problem.js';
import { failedAgain, givenUp, isDue, withoutLeftovers } from './retrying.js';
import type { ShareEntity } from './share-entity.js';
import { putBackLater } from './share-managing.js';
import { updateAccess } from './update-access.js';

const { leaveServiceInstance, leaveAnyInstance } = proxyActivities<PlacementActivities>(entityCall);

/** How what failed is tried once more; a try that fails leaves a `retry` with its reason. */
export interface Again {
  remove: () => Promise<void>;
  letGo: () => Promise<void>;
  removeSnapshot: (snapshot: Snapshot) => Promise<void>;
  bringBack: () => Promise<void>;
  writeRules: () => Promise<void>;
}

/** What is tried for a share that is to stay. */
const repairs = [ensureShare.name, updateAccess.name];

/**
 * Tries again what could not be deleted, undone or denied of a share and its snapshots, and answers the requests to do so at
 * once or to give it up.
 */
export function handleRetrying(entity: ShareEntity, again: Again) {
  const { view, publish, refuse, inTurn } = entity;
  let forgotten = false;

  const tryShare = async (): Promise<void> => {
    if (!waits(view)) return undefined;
    if (view.status === 'error_deleting') return again.remove();
    if (view.status === 'unmanage_error') return again.letGo();
    if (view.status === 'manage_error') return putBackLater(entity);
    // A share that is to stay may be in `error` too, when it was found out of service.
    if (view.retry?.operation === ensureShare.name) return again.bringBack();
    if (view.retry?.operation === updateAccess.name) return again.writeRules();
    if (view.status === 'error') return removeLeftovers(entity);
    return undefined;
  };

  const trySnapshot = async (snapshot: Snapshot): Promise<void> => {
    if (waits(snapshot) && view.snapshots.includes(snapshot)) await again.removeSnapshot(snapshot);
  };

  /** What failed and is tried again: the share itself, or one of its snapshots. */
  const find = (snapshotId: string | undefined): ShareView | Snapshot | undefined => {
    if (snapshotId === undefined) return view.retry ? view : undefined;
    return view.snapshots.find(({ id, retry }) => id === snapshotId && retry !== undefined);
  };

  const requireFailed = ({ snapshotId }: { snapshotId?: string }): void => {
    if (find(snapshotId)) return;
    refuse(
      'NothingToRetry',
      snapshotId === undefined
        ? `its status is ${view.status}, and nothing of it waits to be tried again`
        : `no snapshot ${snapshotId} of it waits to be tried again`,
    );
  };

  const requireGivenUp = ({ snapshotId }: { snapshotId?: string }): void => {
    requireFailed({ snapshotId });
    const { operation, reason } = find(snapshotId)?.retry ?? {};
    if (operation === undefined || !repairs.includes(operation)) return;
    refuse(
      'NothingToGiveUp',
      `it is to stay, and is given up by nobody: what ${operation} fails with is to be put right (${reason}). Or let go of it with: hawser share delete ${view.id}; hawser share unmanage ${view.id} leaves its data`,
    );
  };

  setHandler(
    retryUpdate,
    async ({ snapshotId }) =>
      inTurn(async () => {
        const failed = find(snapshotId);
        // Meanwhile it succeeded, or somebody else gave it up.
        if (!failed) return;
        await (failed === view ? tryShare() : trySnapshot(failed as Snapshot));
        if (failed.retry) {
          throw failureOf({
            type: failed.error?.type ?? 'Failed',
            message: failed.retry.reason,
          });
        }
      }),
    { validator: requireFailed },
  );

  setHandler(
    giveUpUpdate,
    async ({ snapshotId }) =>
      inTurn(async () => {
        // Meanwhile a try succeeded: what is deleted is forgotten as well, and nothing else is.
        if (view.status === 'deleted') return;
        requireGivenUp({ snapshotId });
        const failed = find(snapshotId);
        if (failed !== view) {
          view.snapshots = view.snapshots.filter((one) => one !== failed);
        } else {
          await leave(entity);
          view.error = givenUp(view.retry);
          delete view.retry;
          forgotten = true;
        }
        publish();
      }),
    { validator: requireGivenUp },
  );

  return {
    /** Given up: the share's workflow is over, whatever is left of it. */
    forgotten: (): boolean => forgotten,

    /** All that is to be tried again. */
    retries: (): Retry[] =>
      [view, ...view.snapshots].filter(waits).flatMap(({ retry }) => retry ?? []),

    /** Tries what is due. Only in turn. */
    tryWhatIsDue: async (): Promise<void> => {
      if (view.retry && isDue(view.retry)) await tryShare();
      for (const snapshot of view.snapshots) {
        if (snapshot.retry && isDue(snapshot.retry)) await trySnapshot(snapshot);
      }
    },
  };
}

/** Nothing else is about to happen to it. */
const waits = ({ status }: ShareView | Snapshot): boolean => !isTransient(status);

/**
 * Gives its place back, also one that a take-over took. What was to be let go of is served on, and its instance stays; what was
 * half taken over is neither gone nor let go of, and its status says so to a sweep.
 */
async function leave({ state, view }: ShareEntity): Promise<void> {
  const { instance, leftover, managed, location } = state;
  const { backend, id: shareId } = view;
  const isHalfTaken = leftover !== undefined;
  const taken = isHalfTaken ? managed?.serviceInstance : undefined;
  const instanceId = instance?.instanceId ?? (taken === null ? commonInstanceId(backend) : taken);
  if (instanceId !== undefined) {
    const end = view.status === 'unmanage_error' ? { unmanaged: true } : { gone: true };
    const how = isHalfTaken ? {} : { ...end, ...(location && { path: location.path }) };
    await leaveServiceInstance({ backend, instanceId, shareId, ...how });
  } else if (state.exists && patched('untold-places')) {
    await leaveAnyInstance({ backend, shareId });
  }
  if (isHalfTaken) view.status = 'manage_error';
}

/** Removes what a create left that could not undo all; the share stays as one that failed. */
async function removeLeftovers({ request, state, view, publish, run }: ShareEntity) {
  const { instance, location } = state;
  try {
    const summary = `Remove what the create of share ${view.id} left`;
    await run(deleteShare, { share: request, instance, location, isRetry: true }, summary);
    Object.assign(state, { exists: false, instance: null });
    view.serviceInstance = null;
    view.error = withoutLeftovers(view.error);
    delete view.retry;
  } catch (error) {
    view.retry = failedAgain(view.retry, deleteShare.name, problemOf(error));
  }
  publish();
}
