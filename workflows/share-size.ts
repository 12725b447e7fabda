import { patched, setHandler } from '@temporalio/workflow';
import { ensureShare } from './ensure-share.js';
import { extendShare } from './extend-share.js';
import { extendShareUpdate, shrinkShareUpdate, sizedSignal, type SizeRequest } from './messages.js';
import { inService, isTransient, type Problem, type ShareStatus, type ShareView } from './model.js';
import type { ResizeShareInput } from './out-of-service.js';
import { endedFromOutside, failureOf, problemOf } from './problem.js';
import { failedAgain } from './retrying.js';
import type { Operation, ShareEntity } from './share-entity.js';
import { shrinkShare } from './shrink-share.js';
import { shareRequestChecks } from './validation.js';
import { rulesToWrite, rulesWritten } from './written-rules.js';

interface SizeChange {
  verb: 'Extend' | 'Shrink';
  operation: Operation<ResizeShareInput, void>;
  running: ShareStatus;
  failed: ShareStatus;
  update: typeof extendShareUpdate;
  /** Why a share of this size can't become one of that size in this way, or undefined. */
  wrongWay: (now: number, wanted: number) => string | undefined;
}

const extending: SizeChange = {
  verb: 'Extend',
  operation: extendShare,
  running: 'extending',
  failed: 'extending_error',
  update: extendShareUpdate,
  wrongWay: (now, wanted) =>
    wanted < now
      ? `it has ${now} GiB, and ${wanted} is less: shrink it to make it smaller`
      : undefined,
};

const shrinking: SizeChange = {
  verb: 'Shrink',
  operation: shrinkShare,
  running: 'shrinking',
  failed: 'shrinking_error',
  update: shrinkShareUpdate,
  wrongWay: (now, wanted) =>
    wanted > now
      ? `it has ${now} GiB, and ${wanted} is more: extend it to make it larger`
      : undefined,
};

/** A share that is out of service after one of these may be brought back by another. */
const broken: ShareStatus[] = ['extending_error', 'shrinking_error'];

/** Answers the requests that make a share larger or smaller. */
export function handleSize(entity: ShareEntity): void {
  const { view, request, publish } = entity;
  setHandler(sizedSignal, (sizes) => {
    Object.assign(view, sizes);
    if (view.sizeGib !== request.sizeGib) view.originalSizeGib = request.sizeGib;
    publish();
  });
  handleChange(entity, extending);
  handleChange(entity, shrinking);
}

function handleChange(entity: ShareEntity, change: SizeChange): void {
  const { state, view } = entity;
  const underWay = new Map<string, Promise<ShareView>>();
  const requirePossible = (sizeGib: number) => requireChangeable(entity, change, sizeGib);
  const answered = (request?: string) =>
    request !== undefined && state.answered?.request === request;

  const resizeInTurn = async ({ sizeGib, request }: SizeRequest): Promise<ShareView> =>
    entity.inTurn(async () => {
      // What was ahead in the queue may have changed its size or its status.
      requirePossible(sizeGib);
      const problem = await resize(entity, change, sizeGib);
      if (request !== undefined) state.answered = { request, problem };
      return answer(view, problem);
    });

  setHandler(
    change.update,
    async (wanted) => {
      const { request } = wanted;
      if (answered(request)) return answer(view, state.answered?.problem ?? null);
      const same = request === undefined ? undefined : underWay.get(request);
      if (same) return same;
      const started = resizeInTurn(wanted);
      if (request !== undefined) underWay.set(request, started);
      return started;
    },
    {
      validator: ({ sizeGib, request }) => {
        if (answered(request) || (request !== undefined && underWay.has(request))) return;
        requirePossible(sizeGib);
      },
    },
  );
}

function answer(view: ShareView, problem: Problem | null): ShareView {
  if (problem) throw failureOf(problem);
  return view;
}

function requireChangeable(
  entity: ShareEntity,
  { verb, wrongWay }: SizeChange,
  sizeGib: number,
): void {
  const { state, view, refuse } = entity;
  const invalid = shareRequestChecks.sizeGib(sizeGib);
  if (invalid) refuse('InvalidInput', invalid);
  const { status, sizeGib: now } = view;
  if (isTransient(status)) {
    refuse('ShareBusy', `its status is ${status}; ${verb.toLowerCase()} it when that ended`);
  }
  if (!broken.includes(status)) entity.requireInService('changes of its size');
  if (state.location && state.location.volumeId === null) {
    refuse('ShareNotAvailable', 'its file system is on no volume of Cinder: resize it by hand');
  }
  const wrong = wrongWay(now, sizeGib);
  if (wrong) refuse('InvalidInput', wrong);
  // One that is out of service may be where it was on its way to.
  if (sizeGib === now && inService(status)) {
    refuse('InvalidInput', `it has ${now} GiB already`);
  }
}

/** Returns why it failed, or null. */
async function resize(
  entity: ShareEntity,
  { verb, operation, running, failed }: SizeChange,
  sizeGib: number,
): Promise<Problem | null> {
  const { view, request, publish, run } = entity;
  const { instance, location } = entity.place();
  const written = rulesToWrite(view);
  const { accessBy } = view;
  const input = { share: request, instance, location, accessBy, rules: written.rules, sizeGib };
  const { sizeGib: before } = view;
  const wasInService = inService(view.status);
  Object.assign(view, { status: running, error: null });
  try {
    await run(
      operation,
      { ...input, inService: wasInService },
      `${verb} share ${view.id} to ${sizeGib} GiB`,
    );
    view.status = 'available';
    rulesWritten(view, written);
    return null;
  } catch (error) {
    const problem = problemOf(error);
    const outOfService = problem.type === 'UndoIncomplete' || endedFromOutside(error);
    const refused = problem.type === 'ShrinkingPossibleDataLoss';
    view.error = problem;
    view.status = refused ? 'shrinking_possible_data_loss_error' : 'available';
    if (outOfService) {
      view.status = failed;
      if (patched('brought-back')) view.retry = failedAgain(view.retry, ensureShare.name, problem);
    } else if (!wasInService) {
      // It was brought back all the same, open to the rules as recorded.
      rulesWritten(view, written);
    }
    return problem;
  } finally {
    const told = view.sizeGib === before ? undefined : entity.tellSize();
    // Who waits for the share need not wait for its instance to know.
    if (patched('told-meanwhile')) entity.queue.push(async () => told);
    else await told;
    publish();
  }
}
