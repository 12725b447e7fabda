import { randomUUID } from 'node:crypto';
import { WithStartWorkflowOperation, WorkflowFailedError, type Client } from '@temporalio/client';
import {
  allowAccessUpdate,
  changeAccessUpdate,
  checkImageUpdate,
  createSnapshotUpdate,
  createUpdate,
  deleteInstanceUpdate,
  deleteShareUpdate,
  deleteSnapshotUpdate,
  denyAccessUpdate,
  extendShareUpdate,
  shrinkShareUpdate,
  manageSnapshotUpdate,
  unmanageSnapshotUpdate,
  ensureInstanceUpdate,
  ensureShareUpdate,
  giveUpUpdate,
  rebootInstanceUpdate,
  retryUpdate,
  manageUpdate,
  unmanageUpdate,
} from '../workflows/messages.js';
import {
  differingParameters,
  equals,
  inService,
  isTransient,
  newShareView,
  serviceInstanceWorkflowId,
  shareWorkflowId,
  taskQueue,
  registeredPrefix,
  type AccessLevel,
  type AccessRule,
  type EnsureReport,
  type EnsuredShare,
  type InstanceHealth,
  type ManageRequest,
  type Problem,
  type RebootReport,
  type RebootType,
  type RequirementsReport,
  type ServiceInstanceView,
  type ShareRequest,
  type ShareStatus,
  type ShareView,
  type Snapshot,
  type SnapshotRef,
} from '../workflows/model.js';
import { searchAttributes } from '../workflows/search-attributes.js';
import { runStatistics, summarize, type BackendSummary } from './backends.js';
import { connectToTemporal, type ConnectOptions } from './connection.js';
import { Entities } from './entities.js';
import {
  InstanceNotFound,
  OperationFailed,
  Refused,
  ShareExists,
  ShareNotFound,
  SnapshotNotFound,
} from './errors.js';
import {
  parseAccessSpec,
  refuseBackendName,
  parseExistingSnapshot,
  parseInstanceId,
  parseLevel,
  parseManageSpec,
  parseRule,
  parseShareFilter,
  parseShareId,
  parseSize,
  parseShareSpec,
  parseSnapshotId,
  parseSnapshotSpec,
  type AccessSpec,
  type ExistingSnapshot,
  type ManageSpec,
  type ShareFilter,
  type ShareSpec,
  type SnapshotSpec,
} from './input.js';
import type { Progress, WatchOptions } from './progress.js';
import type { SweepReport } from '../workflows/sweep-model.js';
import { latestSweep, runSweep, type SweepOptions } from './sweeping.js';
import { isServed, requireWorker, whileServed } from './updates.js';
import type { BackendStatistics } from '../workflows/statistics-model.js';
import { ensureReportIn, instanceViewIn, shareViewIn } from './views.js';

/** A watch that somebody waits for. */
export interface WaitOptions<View> extends WatchOptions {
  /** Called at every look. */
  onProgress?: (progress: Progress<View>) => void;
}

/** What could not be deleted or undone, and is tried again. */
export type Retried = { shareId: string; snapshotId?: string } | { instanceId: string };

/**
 * Shares and service instances, over Temporal. Every call may be repeated. Besides the errors it names,
 * a call throws `InvalidInput` before anything is sent, `TemporalUnreachable` and `TemporalDenied`, and
 * `NoWorker` when what it asks for needs a worker and none serves the backend.
 */
export class HawserClient {
  /** The Temporal client underneath, for what this class does not offer. */
  readonly temporal: Client;
  readonly #shares: Entities<ShareView>;
  readonly #instances: Entities<ServiceInstanceView>;

  /** For a Temporal client that is there already; `address` is what errors name. */
  constructor(temporal: Client, address = 'the given connection') {
    this.temporal = temporal;
    this.#shares = new Entities(temporal, address, {
      workflowType: 'share',
      workflowId: shareWorkflowId,
      viewIn: shareViewIn,
      atRest: ({ status }) => !isTransient(status),
      notFound: (id) => new ShareNotFound(id),
    });
    this.#instances = new Entities(temporal, address, {
      workflowType: 'serviceInstance',
      workflowId: serviceInstanceWorkflowId,
      viewIn: instanceViewIn,
      atRest: ({ status }) => !['creating', 'rebooting', 'deleting'].includes(status),
      notFound: (id) => new InstanceNotFound(id),
    });
  }

  static async connect(options: ConnectOptions = {}): Promise<HawserClient> {
    const { client, address } = await connectToTemporal(options);
    return new HawserClient(client, address);
  }

  async close(): Promise<void> {
    await this.temporal.connection.close();
  }

  /**
   * Asks for a share and returns it at once, usually `creating`; `waitForShare` waits for the rest.
   * The id is the idempotency token: repeating the call returns the same share. Throws `ShareExists` if
   * the id belongs to a share with other parameters, `Refused` while a share of that id is being deleted,
   * `SnapshotNotFound` if it shall take its size from a snapshot that there is not.
   */
  async createShare(spec: ShareSpec): Promise<ShareView> {
    const request = await this.completeShareSpec(spec);
    const { id } = request;
    const known = await this.#shares.find(id);
    if (known) {
      if (known.status === 'deleting') {
        throw new Refused('ShareBusy', `Share ${id} is being deleted: ask again when it is gone.`);
      }
      requireSame(request, known);
      return known;
    }
    try {
      await this.#shares.call(() => this.#startShare(request));
    } catch (error) {
      // Somebody was quicker, with other parameters.
      const taken = error instanceof OperationFailed && error.type === 'ShareExists';
      throw taken ? new ShareExists(id, error.message) : error;
    }
    return this.#shares.get(id);
  }

  /**
   * The whole request: what was left open of a share that begins with a snapshot is as its snapshot has it.
   * Throws `ShareNotFound`, `SnapshotNotFound` where that must be looked up.
   */
  async completeShareSpec(spec: ShareSpec): Promise<ShareRequest> {
    const { id, fromSnapshot, sizeGib, backend } = spec;
    if (!fromSnapshot || (sizeGib !== undefined && backend !== undefined)) {
      return parseShareSpec(spec);
    }
    // Repeated, it asks for the same share as before, though the snapshot may be gone by now.
    const known = id === undefined ? undefined : await this.#shares.find(parseShareId(id));
    const same = JSON.stringify(known?.fromSnapshot) === JSON.stringify(fromSnapshot);
    const origin = known && same ? known : await this.#originOf(fromSnapshot);
    return parseShareSpec({
      ...spec,
      sizeGib: sizeGib ?? origin.sizeGib,
      backend: backend ?? origin.backend,
    });
  }

  async #originOf({ shareId, snapshotId }: SnapshotRef) {
    const { backend } = await this.getShare(shareId);
    const { sizeGib } = await this.getSnapshot(shareId, snapshotId);
    return { backend, sizeGib };
  }

  async #startShare(request: ShareRequest): Promise<void> {
    await requireWorker(this.temporal, request.backend);
    const startWorkflowOperation = startOf(request);
    await whileServed(this.temporal, request.backend, () =>
      // No update id of ours: the server would answer a known one from a former, deleted share.
      this.temporal.workflow.executeUpdateWithStart(createUpdate, {
        args: [request],
        startWorkflowOperation,
      }),
    );
  }

  /** Throws `ShareNotFound`. Needs no worker. */
  async getShare(id: string): Promise<ShareView> {
    return this.#shares.get(parseShareId(id));
  }

  /** The shares that meet the whole filter, oldest first; may lag a moment behind `getShare`. */
  async listShares(filter: ShareFilter = {}): Promise<ShareView[]> {
    const { status, protocol, backend, serviceInstance } = parseShareFilter(filter);
    return this.#shares.list([
      ...(status ? [equals('HawserStatus', status)] : []),
      ...(protocol ? [equals('HawserProtocol', protocol)] : []),
      ...(backend ? [equals('HawserBackend', backend)] : []),
      ...(serviceInstance ? [equals('HawserServiceInstance', serviceInstance)] : []),
    ]);
  }

  /**
   * Takes over what is mounted and exported on a service instance already, and returns the share at once, usually
   * `manage_starting`; `waitForShare` waits for the rest. The id is the idempotency token: repeating the call
   * returns the same share, and tries again what ended in `manage_error`. Throws `ShareExists`, `Refused`.
   */
  async manageShare(spec: ManageSpec): Promise<ShareView> {
    const request = parseManageSpec(spec);
    const { id, backend } = request;
    try {
      await this.#shares.call(async () => {
        await requireWorker(this.temporal, backend);
        const startWorkflowOperation = startOfManaging(request);
        await whileServed(this.temporal, backend, () =>
          this.temporal.workflow.executeUpdateWithStart(manageUpdate, {
            args: [request],
            startWorkflowOperation,
          }),
        );
      });
    } catch (error) {
      const taken = error instanceof OperationFailed && error.type === 'ShareExists';
      throw taken ? new ShareExists(id, error.message) : error;
    }
    return this.#shares.get(id);
  }

  /**
   * Asks for a share to be forgotten while it stays in service, and returns it when that is accepted,
   * `unmanaging`; `waitUntilUnmanaged` waits for the rest. Throws `ShareNotFound`, `Refused`.
   */
  async unmanageShare(id: string): Promise<ShareView> {
    return this.#shares.ask(parseShareId(id), (share) => share.executeUpdate(unmanageUpdate));
  }

  /** Waits until a share is forgotten. Throws `OperationFailed` if that failed. */
  async waitUntilUnmanaged(id: string, options?: WaitOptions<ShareView>): Promise<void> {
    return this.waitUntilDeleted(id, options);
  }

  /**
   * Asks for a share's deletion and returns it when that is accepted, `deleting`; `waitUntilDeleted`
   * waits for the rest. Throws `ShareNotFound`, `Refused`.
   */
  async deleteShare(id: string): Promise<ShareView> {
    return this.#shares.ask(parseShareId(id), (share) => share.executeUpdate(deleteShareUpdate));
  }

  /**
   * Makes a share larger; returns it when it has its new size and its clients have it back. Throws `ShareNotFound`,
   * `Refused`, `OperationFailed` with what went wrong; the share is in service then all the same, unless its status
   * says `extending_error`.
   */
  async extendShare(id: string, sizeGib: number): Promise<ShareView> {
    const args = { sizeGib: parseSize(sizeGib), request: randomUUID() };
    return this.#shares.ask(parseShareId(id), (share) =>
      share.executeUpdate(extendShareUpdate, { args: [args] }),
    );
  }

  /**
   * Makes a share smaller, as `extendShare` makes it larger. `OperationFailed` of type `ShrinkingPossibleDataLoss`
   * when its data would not fit.
   */
  async shrinkShare(id: string, sizeGib: number): Promise<ShareView> {
    const args = { sizeGib: parseSize(sizeGib), request: randomUUID() };
    return this.#shares.ask(parseShareId(id), (share) =>
      share.executeUpdate(shrinkShareUpdate, { args: [args] }),
    );
  }

  /**
   * Lets an address or a user in; returns when the rule is active. Throws `ShareNotFound`, `Refused`,
   * `OperationFailed`. Harmless to repeat with the same rule id.
   */
  async allowAccess(shareId: string, access: AccessSpec): Promise<AccessRule> {
    const rule = parseAccessSpec(await this.getShare(shareId), access);
    return this.#shares.ask(shareId, (share) =>
      share.executeUpdate(allowAccessUpdate, { args: [rule] }),
    );
  }

  /**
   * Gives whom a rule names another level; returns when it has it. The rule is named by its id, its address or its
   * user. Throws `ShareNotFound`, `Refused`, `OperationFailed`. Harmless to repeat.
   */
  async changeAccess(shareId: string, idOrName: string, level: AccessLevel): Promise<AccessRule> {
    const args = { rule: parseRule(idOrName), level: parseLevel(level) };
    return this.#shares.ask(parseShareId(shareId), (share) =>
      share.executeUpdate(changeAccessUpdate, { args: [args] }),
    );
  }

  /**
   * Takes a rule away, named by its id, its address or its user; returns when it lets nobody in any more.
   * Throws `ShareNotFound`, `Refused`, `OperationFailed`.
   */
  async denyAccess(shareId: string, idOrAddress: string): Promise<AccessRule> {
    const args = { rule: parseRule(idOrAddress), request: randomUUID() };
    return this.#shares.ask(parseShareId(shareId), (share) =>
      share.executeUpdate(denyAccessUpdate, { args: [args] }),
    );
  }

  /**
   * Takes a snapshot of a share; returns when it is available. The id is the idempotency token: repeating the
   * call returns the same snapshot. Throws `ShareNotFound`, `Refused`, `OperationFailed`.
   */
  async createSnapshot(shareId: string, spec: SnapshotSpec = {}): Promise<Snapshot> {
    const snapshot = parseSnapshotSpec(spec);
    return this.#shares.ask(parseShareId(shareId), (share) =>
      share.executeUpdate(createSnapshotUpdate, { args: [snapshot] }),
    );
  }

  /** A share's snapshots, oldest first. Throws `ShareNotFound`. Needs no worker. */
  async listSnapshots(shareId: string): Promise<Snapshot[]> {
    const { snapshots } = await this.getShare(shareId);
    return snapshots.toSorted((a, b) => a.createdAt.localeCompare(b.createdAt));
  }

  /** Throws `ShareNotFound`, `SnapshotNotFound`. Needs no worker. */
  async getSnapshot(shareId: string, snapshotId: string): Promise<Snapshot> {
    const id = parseSnapshotId(snapshotId);
    const snapshots = await this.listSnapshots(shareId);
    const found = snapshots.find((snapshot) => snapshot.id === id);
    if (!found) throw new SnapshotNotFound(shareId, id);
    return found;
  }

  /**
   * Deletes a snapshot; returns when nothing of it is left. Shares that were made from it stay. Throws
   * `ShareNotFound`, `Refused`, `OperationFailed`.
   */
  async deleteSnapshot(shareId: string, id: string): Promise<Snapshot> {
    const snapshotId = parseSnapshotId(id);
    return this.#shares.ask(parseShareId(shareId), (share) =>
      share.executeUpdate(deleteSnapshotUpdate, { args: [{ snapshotId }] }),
    );
  }

  /**
   * Takes over a snapshot of the share's volume that was made in Cinder. Harmless to repeat with the same id.
   * Throws `ShareNotFound`, `Refused`, `OperationFailed`.
   */
  async manageSnapshot(shareId: string, existing: ExistingSnapshot): Promise<Snapshot> {
    const snapshot = parseExistingSnapshot(existing);
    return this.#shares.ask(parseShareId(shareId), (share) =>
      share.executeUpdate(manageSnapshotUpdate, { args: [snapshot] }),
    );
  }

  /** Forgets a snapshot, which stays in Cinder. Throws `ShareNotFound`, `Refused`, `OperationFailed`. */
  async unmanageSnapshot(shareId: string, id: string): Promise<Snapshot> {
    const snapshotId = parseSnapshotId(id);
    return this.#shares.ask(parseShareId(shareId), (share) =>
      share.executeUpdate(unmanageSnapshotUpdate, { args: [{ snapshotId }] }),
    );
  }

  /**
   * Looks whether clients can use a share, puts right what is not as it should be, and returns what that was.
   * Throws `ShareNotFound`, `Refused`, and `OperationFailed` with the reason when it could not be brought back;
   * it is in `error` then. Harmless to repeat.
   */
  async ensureShare(id: string): Promise<EnsuredShare> {
    return this.#shares.ask(parseShareId(id), (share) =>
      share.executeUpdate(ensureShareUpdate, {
        args: [{ whenBusy: 'wait', instanceProblem: null }],
      }),
    );
  }

  /**
   * Ensures all shares of a backend, or those on one service instance, and returns what came of each. Whoever asks
   * while that is under way gets the same answer. Throws `InstanceNotFound`.
   */
  async ensureShares(which: { backend: string } | { instanceId: string }): Promise<EnsureReport> {
    const { backend, instanceId } = await this.#ensured(which);
    const { workflow } = this.temporal;
    await this.#shares.call(() => requireWorker(this.temporal, backend));
    return this.#shares.call(async () => {
      const handle = await workflow.start('ensureShares', {
        workflowId: `ensureShares-${instanceId ?? backend}`,
        taskQueue: taskQueue(backend),
        workflowIdConflictPolicy: 'USE_EXISTING',
        args: [{ backend, instanceId }],
        staticSummary: `Ensure all shares of ${instanceId ?? backend}`,
        typedSearchAttributes: [{ key: searchAttributes.backend, value: backend }],
      });
      return whileServed(this.temporal, backend, async () => ensureReport(handle));
    });
  }

  async #ensured(which: { backend: string } | { instanceId: string }) {
    if ('backend' in which) {
      const { backend } = parseShareFilter({ backend: which.backend });
      return { backend: backend ?? which.backend, instanceId: null };
    }
    const { id, backend } = await this.getInstance(which.instanceId);
    return { backend, instanceId: id };
  }

  /** What happens to a share, look by look, until it is at rest or gone. Throws `ShareNotFound`. */
  watchShare(id: string, options?: WatchOptions): AsyncGenerator<Progress<ShareView>, void> {
    return this.#shares.watch(parseShareId(id), options);
  }

  /**
   * Waits until a share is at rest and returns it. Throws `OperationFailed` with its problem if it went
   * to a status of error, `ShareNotFound` if it is gone.
   */
  async waitForShare(id: string, options?: WaitOptions<ShareView>): Promise<ShareView> {
    const { view, ended } = await last(this.watchShare(id, waiting(options)), options);
    refuseProblem(`Share ${id}`, view, ended);
    if (ended) throw new ShareNotFound(id);
    return view;
  }

  /** Waits until nothing is left of a share. Throws `OperationFailed` if its deletion failed. */
  async waitUntilDeleted(id: string, options?: WaitOptions<ShareView>): Promise<void> {
    try {
      const { view, ended } = await last(this.watchShare(id, waiting(options)), options);
      refuseProblem(`Share ${id}`, view, ended);
    } catch (error) {
      if (!(error instanceof ShareNotFound)) throw error;
    }
  }

  /** The service instances, oldest first; may lag a moment behind `getInstance`. */
  async listInstances(): Promise<ServiceInstanceView[]> {
    return this.#instances.list([]);
  }

  /** Throws `InstanceNotFound`. Needs no worker. */
  async getInstance(id: string): Promise<ServiceInstanceView> {
    return this.#instances.get(parseInstanceId(id));
  }

  /**
   * Asks for an instance's deletion; returns when that is accepted. Throws `InstanceNotFound`, and
   * `Refused` while shares live on it.
   */
  async deleteInstance(id: string): Promise<void> {
    await this.#instances.ask(parseInstanceId(id), (instance) =>
      instance.executeUpdate(deleteInstanceUpdate),
    );
  }

  /**
   * Looks whether the running instance meets the image requirements. Throws `InstanceNotFound`, and
   * `OperationFailed` when the instance can't be asked.
   */
  async checkImage(id: string): Promise<RequirementsReport> {
    return this.#instances.ask(parseInstanceId(id), (instance) =>
      instance.executeUpdate(checkImageUpdate),
    );
  }

  /**
   * Looks whether an instance is there, answers, and has what it needs; what is not well is an answer. Throws
   * `InstanceNotFound`, and `Refused` while it is being set up or deleted.
   */
  async ensureInstance(id: string): Promise<InstanceHealth> {
    return this.#instances.ask(parseInstanceId(id), (instance) =>
      instance.executeUpdate(ensureInstanceUpdate),
    );
  }

  /**
   * Reboots an instance; returns when it is back and its shares were ensured, with what had to be repaired.
   * Throws `InstanceNotFound`, `Refused` (also while it is being rebooted), and `OperationFailed` when it did
   * not come back. A second call reboots a second time.
   */
  async rebootInstance(id: string, type: RebootType): Promise<RebootReport> {
    return this.#instances.ask(parseInstanceId(id), (instance) =>
      instance.executeUpdate(rebootInstanceUpdate, { args: [{ type }] }),
    );
  }

  /** The backends that workers serve or have served, or that shares are left of, by name. Needs no worker. */
  async listBackends(): Promise<BackendSummary[]> {
    const [shares, instances] = await Promise.all([this.listShares(), this.listInstances()]);
    return this.#shares.call(async () => {
      const found = summarize(await this.#registeredBackends(), shares, instances);
      return Promise.all(
        found.map(async (one) => ({ ...one, served: await isServed(this.temporal, one.name) })),
      );
    });
  }

  async #registeredBackends(): Promise<string[]> {
    const { namespace } = this.temporal.options;
    const { namespaceInfo } = await this.temporal.workflowService.describeNamespace({ namespace });
    return Object.keys(namespaceInfo?.data ?? {})
      .filter((key) => key.startsWith(registeredPrefix))
      .map((key) => key.slice(registeredPrefix.length));
  }

  /**
   * What a backend has and how much of it is used, asked of the cloud and of its service instances; those
   * that do not answer are named. Throws `NoWorker`, `OperationFailed`.
   */
  async backendStatistics(name: string): Promise<BackendStatistics> {
    refuseBackendName(name);
    return this.#shares.call(() => runStatistics(this.temporal, name));
  }

  /**
   * Tries at once what could not be deleted, undone, brought back or denied and would be tried again later; returns when it
   * succeeded. Throws `Refused` where nothing is to be tried again, `OperationFailed` with the reason. Harmless to repeat.
   */
  async retry(what: Retried): Promise<void> {
    await this.#askRetried(what, retryUpdate);
  }

  /**
   * Ends the trying and forgets the share, the snapshot or the instance. What is left of it belongs to nobody then: `sweep`
   * finds it. Throws `Refused` where nothing is to be tried again, or the share is to stay.
   */
  async giveUp(what: Retried): Promise<void> {
    await this.#askRetried(what, giveUpUpdate);
  }

  async #askRetried(what: Retried, update: typeof retryUpdate): Promise<void> {
    if ('instanceId' in what) {
      return this.#instances.ask(parseInstanceId(what.instanceId), (instance) =>
        instance.executeUpdate(update, { args: [{}] }),
      );
    }
    const { shareId, snapshotId } = what;
    const args: [{ snapshotId?: string }] =
      snapshotId === undefined ? [{}] : [{ snapshotId: parseSnapshotId(snapshotId) }];
    return this.#shares.ask(parseShareId(shareId), (share) =>
      share.executeUpdate(update, { args }),
    );
  }

  /**
   * Finds what bears Hawser's mark in a backend's project and on its instances and belongs to no share or service
   * instance; removes what is old enough if it shall. Harmless to repeat. Throws `NoWorker`, `OperationFailed`.
   */
  async sweep(options: SweepOptions): Promise<SweepReport> {
    refuseBackendName(options.backend);
    return this.#shares.call(() => runSweep(this.temporal, options));
  }

  /** What the latest sweep of a backend said; null when there was none. Needs no worker. */
  async lastSweep(backend: string): Promise<SweepReport | null> {
    refuseBackendName(backend);
    return this.#shares.call(() => latestSweep(this.temporal, backend));
  }

  /** What happens to an instance, look by look, until it is at rest or gone. Throws `InstanceNotFound`. */
  watchInstance(
    id: string,
    options?: WatchOptions,
  ): AsyncGenerator<Progress<ServiceInstanceView>, void> {
    return this.#instances.watch(parseInstanceId(id), options);
  }

  /** Waits until nothing is left of an instance. Throws `OperationFailed` if its deletion failed. */
  async waitUntilInstanceDeleted(
    id: string,
    options?: WaitOptions<ServiceInstanceView>,
  ): Promise<void> {
    try {
      const { view, ended } = await last(this.watchInstance(id, waiting(options)), options);
      refuseProblem(`Service instance ${id}`, view, ended);
    } catch (error) {
      if (!(error instanceof InstanceNotFound)) throw error;
    }
  }
}

async function ensureReport(run: { result(): Promise<unknown> }): Promise<EnsureReport> {
  try {
    return ensureReportIn(await run.result());
  } catch (error) {
    if (!(error instanceof WorkflowFailedError)) throw error;
    const reason = error.cause?.message ?? error.message;
    throw new OperationFailed('Failed', `Ensuring the shares did not end well: ${reason}`);
  }
}

function startOf(request: ShareRequest) {
  const { id, protocol, sizeGib, shareNetwork, backend } = request;
  const view = newShareView(request, new Date().toISOString());
  const start = new WithStartWorkflowOperation('share', {
    workflowId: shareWorkflowId(id),
    taskQueue: taskQueue(backend),
    workflowIdConflictPolicy: 'USE_EXISTING',
    args: [{ request }],
    // Until the share itself writes it, so that it can be looked at from its first moment.
    memo: { view },
    staticSummary: `${protocol} share ${id}, ${sizeGib} GiB${shareNetwork === null ? '' : `, on ${shareNetwork}`}`,
  });
  // A failed start is reported by the update; nobody else waits for this promise.
  start.workflowHandle().catch(() => undefined);
  return start;
}

function startOfManaging(managed: ManageRequest) {
  const { id, name, protocol, backend, exportLocation } = managed;
  const request: ShareRequest = { id, name, protocol, sizeGib: 0, shareNetwork: null, backend };
  const view = newShareView(request, new Date().toISOString());
  const start = new WithStartWorkflowOperation('share', {
    workflowId: shareWorkflowId(id),
    taskQueue: taskQueue(backend),
    workflowIdConflictPolicy: 'USE_EXISTING',
    args: [{ request, managed }],
    memo: { view: { ...view, status: 'manage_starting' } },
    staticSummary: `${protocol} share ${id}, taken over from ${exportLocation}`,
  });
  start.workflowHandle().catch(() => undefined);
  return start;
}

function requireSame(request: ShareRequest, view: ShareView): void {
  const existing: ShareRequest = { ...view, sizeGib: view.originalSizeGib ?? view.sizeGib };
  const different = differingParameters(request, existing);
  if (different.length === 0) return;
  const has = different.map((part) => `${part} ${JSON.stringify(existing[part])}`).join(', ');
  throw new ShareExists(
    request.id,
    `Share ${request.id} exists already, with ${has}. Choose another id, or ask for the same share.`,
  );
}

/** Nobody wants to know of steps whom nobody tells. */
const waiting = <View>(options: WaitOptions<View> = {}): WatchOptions => ({
  steps: options.onProgress !== undefined,
  ...options,
});

async function last<View>(
  looks: AsyncGenerator<Progress<View>, void>,
  options?: WaitOptions<View>,
): Promise<Progress<View>> {
  let latest: Progress<View> | undefined;
  for await (const progress of looks) {
    latest = progress;
    options?.onProgress?.(progress);
  }
  if (!latest) throw new Error('a watch ended before its first look');
  return latest;
}

function refuseProblem(
  what: string,
  { status, error }: { status: string; error: Problem | null },
  ended: string | undefined,
): void {
  const failed = status.startsWith('error') || status.endsWith('_error');
  // A share that refused to shrink is as it was.
  if (failed && !inService(status as ShareStatus)) {
    const { type, message } = error ?? { type: 'Failed', message: 'no reason is known' };
    throw new OperationFailed(type, `${what} went to ${status}: ${message}`);
  }
  if (ended !== undefined && ended !== 'COMPLETED') {
    throw new OperationFailed(
      'EndedFromOutside',
      `The workflow of ${what.toLowerCase()} ended as ${ended} while it was ${status}. ` +
        'What it had made may still be in the cloud.',
    );
  }
}
