import { patched, setHandler } from '@temporalio/workflow';
import { createSnapshot } from './create-snapshot.js';
import { deleteSnapshot } from './delete-snapshot.js';
import { manageExistingSnapshot } from './manage-existing-snapshot.js';
import {
  createSnapshotUpdate,
  deleteSnapshotUpdate,
  manageSnapshotUpdate,
  unmanageSnapshotUpdate,
} from './messages.js';
import type { Problem, ServiceInstance, ShareLocation, Snapshot, SnapshotStatus } from './model.js';
import { endedFromOutside, failureOf, nothingUndone, problemOf } from './problem.js';
import { failedAgain, withoutLeftovers } from './retrying.js';
import type { ShareEntity } from './share-entity.js';
import { unmanageSnapshot } from './unmanage-snapshot.js';
import { validateCinderId, validateName, validateSnapshotId } from './validation.js';

/** What happens to a snapshot, and what it is called if that fails. */
interface Change {
  snapshot: Snapshot;
  during: SnapshotStatus;
  failed: SnapshotStatus;
}

/**
 * Answers the requests to take, delete, manage and unmanage snapshots of a share. Returns how one is removed once more that
 * could not be deleted, or not be undone.
 */
export function handleSnapshots(entity: ShareEntity): (snapshot: Snapshot) => Promise<void> {
  const { view, publish, refuse, inTurn, run } = entity;

  const find = (id: string): Snapshot | undefined => view.snapshots.find((one) => one.id === id);

  const get = (id: string): Snapshot =>
    find(id) ??
    refuse(
      'UnknownSnapshot',
      `no snapshot of it is ${id}; list them with: hawser snapshot list ${view.id}`,
    );

  /** Of those whose take-over failed: what is to be put back of them stays in Cinder. */
  const operators = new Set<Snapshot>();
  const noteOwner = (snapshot: Snapshot): void => {
    if (snapshot.status === 'manage_error') operators.add(snapshot);
  };

  const unmark = async (snapshot: Snapshot, volumeSnapshotId: string): Promise<void> => {
    const input = { ...refOf(snapshot), volumeSnapshotId };
    await run(unmanageSnapshot, input, `Unmanage snapshot ${snapshot.id}`);
  };

  const forget = (snapshot: Snapshot): void => {
    view.snapshots = view.snapshots.filter((one) => one !== snapshot);
  };

  /** Lists a new snapshot; one that failed before starts anew under its id. */
  const begin = (id: string, name: string, status: SnapshotStatus): Snapshot => {
    const known = find(id);
    if (known) {
      if (known.status !== 'available') known.status = status;
      publish();
      return known;
    }
    const createdAt = new Date().toISOString();
    const { sizeGib } = view;
    const none = { volumeSnapshotId: null, error: null };
    const snapshot: Snapshot = { id, name, status, sizeGib, ...none, createdAt };
    view.snapshots.push(snapshot);
    publish();
    return snapshot;
  };

  /** The reason of a failure stays with the snapshot, for those who did not wait. */
  const change = async ({ snapshot, during, failed }: Change, work: () => Promise<unknown>) => {
    Object.assign(snapshot, { status: during, error: null });
    try {
      await work();
    } catch (error) {
      const isMaking = during === 'creating' || during === 'manage_starting';
      const isLeft = isMaking && endedFromOutside(error) && patched('ended-makings-undone');
      const problem = isLeft ? nothingUndone(problemOf(error)) : problemOf(error);
      Object.assign(snapshot, { status: failed, error: problem });
      const remedy = remedyOf({ during, failed }, problem);
      if (remedy !== undefined) snapshot.retry = failedAgain(snapshot.retry, remedy, problem);
      publish();
      throw failureOf(problem);
    }
    delete snapshot.retry;
    publish();
  };

  const requireIdle = (snapshot: Snapshot, doing: string): void => {
    if (['creating', 'manage_starting', 'unmanaging'].includes(snapshot.status)) {
      refuse(
        'SnapshotBusy',
        `its snapshot ${snapshot.id} is ${snapshot.status}; ${doing} it when that ended`,
      );
    }
  };

  /** A repetition asks for the same; an id is never given to something else. */
  const requireSame = (id: string, name: string, same: (known: Snapshot) => boolean): void => {
    const known = find(id);
    if (known && (known.name !== name || !same(known))) {
      refuse(
        'SnapshotExists',
        `it has another snapshot ${id} (${known.name || 'without a name'}, ${known.status}); choose another id`,
      );
    }
  };

  const requireValid = (...reasons: (string | undefined)[]): void => {
    const reason = reasons.find((one) => one !== undefined);
    if (reason !== undefined) refuse('InvalidInput', reason);
  };

  setHandler(
    createSnapshotUpdate,
    async ({ id, name }) => {
      const snapshot = begin(id, name, 'creating');
      return inTurn(async () => {
        // Another request may have made it, or deleted it, while this one waited.
        if (snapshot.status === 'available') return { ...snapshot };
        if (!find(id)) view.snapshots.push(snapshot);
        await change({ snapshot, during: 'creating', failed: 'error' }, async () => {
          entity.requireInService('snapshots');
          snapshot.sizeGib = view.sizeGib;
          const { instance, location } = placeOnVolume(entity);
          const made = await run(
            createSnapshot,
            { ...refOf(snapshot), instance, location },
            `Take snapshot ${id}`,
          );
          Object.assign(snapshot, { status: 'available', ...made });
        });
        return { ...snapshot };
      });
    },
    {
      validator: ({ id, name }) => {
        requireValid(validateSnapshotId(id), validateName(name));
        requireSame(id, name, ({ status }) => ['creating', 'available', 'error'].includes(status));
        if (find(id)?.status === 'available') return;
        entity.requireInService('snapshots');
        placeOnVolume(entity);
      },
    },
  );

  setHandler(
    manageSnapshotUpdate,
    async ({ id, name, volumeSnapshotId }) => {
      const former = find(id)?.volumeSnapshotId ?? null;
      const snapshot = begin(id, name, 'manage_starting');
      snapshot.volumeSnapshotId = volumeSnapshotId;
      return inTurn(async () => {
        if (snapshot.status === 'available') return { ...snapshot };
        if (!find(id)) view.snapshots.push(snapshot);
        await change({ snapshot, during: 'manage_starting', failed: 'manage_error' }, async () => {
          const { volumeId } = placeOnVolume(entity).location;
          if (former !== null && former !== volumeSnapshotId) {
            snapshot.volumeSnapshotId = former;
            await unmark(snapshot, former);
            snapshot.volumeSnapshotId = volumeSnapshotId;
          }
          const { sizeGib } = await run(
            manageExistingSnapshot,
            { ...refOf(snapshot), volumeId, volumeSnapshotId },
            `Manage snapshot ${id}`,
          );
          operators.delete(snapshot);
          Object.assign(snapshot, { status: 'available', sizeGib });
        });
        return { ...snapshot };
      });
    },
    {
      validator: ({ id, name, volumeSnapshotId }) => {
        requireValid(
          validateSnapshotId(id),
          validateName(name),
          validateCinderId(volumeSnapshotId),
        );
        requireSame(
          id,
          name,
          (known) =>
            known.status === 'manage_error' ||
            (known.volumeSnapshotId === volumeSnapshotId &&
              ['manage_starting', 'available'].includes(known.status)),
        );
        const other = view.snapshots.find(
          (one) => one.id !== id && one.volumeSnapshotId === volumeSnapshotId,
        );
        if (other && other.status !== 'manage_error') {
          refuse(
            'SnapshotExists',
            `its snapshot ${other.id} is Cinder's ${volumeSnapshotId} already`,
          );
        }
        if (find(id)?.status === 'available') return;
        entity.requireInService('snapshots');
        placeOnVolume(entity);
      },
    },
  );

  setHandler(
    deleteSnapshotUpdate,
    async ({ snapshotId }) => {
      const snapshot = get(snapshotId);
      noteOwner(snapshot);
      snapshot.status = 'deleting';
      publish();
      return inTurn(async () => {
        // Another request may have deleted it while this one waited.
        if (!view.snapshots.includes(snapshot)) return { ...snapshot };
        const notOurs = operators.has(snapshot);
        const failed = notOurs ? 'manage_error' : 'error_deleting';
        await change({ snapshot, during: 'deleting', failed }, async () => {
          const { volumeSnapshotId } = snapshot;
          // What could not be taken over is another's: it is forgotten, with no mark left by which it would be deleted.
          if (!notOurs) {
            await run(deleteSnapshot, refOf(snapshot), `Delete snapshot ${snapshotId}`);
          } else if (volumeSnapshotId !== null) await unmark(snapshot, volumeSnapshotId);
          forget(snapshot);
        });
        return { ...snapshot };
      });
    },
    { validator: ({ snapshotId }) => requireIdle(get(snapshotId), 'delete') },
  );

  setHandler(
    unmanageSnapshotUpdate,
    async ({ snapshotId }) => {
      const snapshot = get(snapshotId);
      noteOwner(snapshot);
      snapshot.status = 'unmanaging';
      publish();
      return inTurn(async () => {
        if (!view.snapshots.includes(snapshot)) return { ...snapshot };
        const { volumeSnapshotId } = snapshot;
        const failed = operators.has(snapshot) ? 'manage_error' : 'unmanage_error';
        await change({ snapshot, during: 'unmanaging', failed }, async () => {
          if (volumeSnapshotId !== null) await unmark(snapshot, volumeSnapshotId);
          forget(snapshot);
        });
        return { ...snapshot };
      });
    },
    {
      validator: ({ snapshotId }) => {
        const snapshot = get(snapshotId);
        requireIdle(snapshot, 'unmanage');
        if (!['available', 'manage_error', 'unmanage_error'].includes(snapshot.status)) {
          refuse(
            'SnapshotBusy',
            `its snapshot ${snapshotId} is ${snapshot.status}: only an available one can be unmanaged`,
          );
        }
      },
    },
  );

  /** What a snapshot left that could not undo all; it stays as one that failed. */
  const removeLeftovers = async (snapshot: Snapshot): Promise<void> => {
    const { status, volumeSnapshotId } = snapshot;
    const isOperators = status === 'manage_error';
    try {
      if (!isOperators) {
        const summary = `Remove what is left of snapshot ${snapshot.id}`;
        await run(deleteSnapshot, refOf(snapshot), summary);
      } else if (volumeSnapshotId !== null) await unmark(snapshot, volumeSnapshotId);
      snapshot.error = withoutLeftovers(snapshot.error);
      delete snapshot.retry;
    } catch (error) {
      const remedy = isOperators ? unmanageSnapshot.name : deleteSnapshot.name;
      snapshot.retry = failedAgain(snapshot.retry, remedy, problemOf(error));
    }
    publish();
  };

  const refOf = ({ id }: Snapshot) => ({
    backend: view.backend,
    shareId: view.id,
    snapshotId: id,
  });

  return async (snapshot) => {
    if (snapshot.status !== 'error_deleting') return removeLeftovers(snapshot);
    const deletion = { snapshot, during: 'deleting', failed: 'error_deleting' } as const;
    // How it fails stays with the snapshot.
    await change(deletion, async () => {
      await run(deleteSnapshot, refOf(snapshot), `Delete snapshot ${snapshot.id}`);
      forget(snapshot);
    }).catch(() => undefined);
  };
}

/** What puts a failure right later; undefined where nothing is left of it. What was not ours stays in Cinder. */
function remedyOf({ during, failed }: Omit<Change, 'snapshot'>, { type }: Problem) {
  const isLeft = type === 'UndoIncomplete';
  if (failed === 'error_deleting' || (failed === 'error' && isLeft)) return deleteSnapshot.name;
  const isMarked = failed === 'manage_error' && (isLeft || during !== 'manage_starting');
  return isMarked ? unmanageSnapshot.name : undefined;
}

/** Where a share is whose volume Cinder can take a snapshot of; refuses any other. */
function placeOnVolume(entity: ShareEntity): {
  instance: ServiceInstance;
  location: ShareLocation & { volumeId: string };
} {
  const { instance, location } = entity.place();
  const volumeId = location?.volumeId;
  if (!location || typeof volumeId !== 'string') {
    return entity.refuse(
      'ShareNotAvailable',
      "it is on no volume of Cinder's that is known here, so that it can have no snapshots",
    );
  }
  return { instance, location: { ...location, volumeId } };
}
