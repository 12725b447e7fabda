import { setHandler } from '@temporalio/workflow';
import { ensureShare } from './ensure-share.js';
import { ensureShareUpdate } from './messages.js';
import { inService, type EnsuredShare, type Problem, type ShareStatus } from './model.js';
import { failureOf, problemOf } from './problem.js';
import { failedAgain } from './retrying.js';
import type { ShareEntity } from './share-entity.js';
import { rulesToWrite, rulesWritten } from './written-rules.js';

/** Where a share is whole, or was and can be again. */
const ensurable: ShareStatus[] = [
  'available',
  'error',
  'extending',
  'extending_error',
  'shrinking',
  'shrinking_error',
  'shrinking_possible_data_loss_error',
];

/**
 * Answers the requests to see to it that clients can use a share. Returns how one is brought back once more that a change of its
 * size left out of service.
 */
export function handleEnsure(entity: ShareEntity): () => Promise<void> {
  const { view, request, state, queue, publish, refuse, inTurn, run } = entity;

  const requireWhole = () => {
    if (!ensurable.includes(view.status)) {
      refuse('ShareBusy', `its status is ${view.status}; there is nothing to ensure`);
    }
    if (!state.instance || view.exportLocations.length === 0) {
      refuse('ShareNotAvailable', 'it was never made whole; delete it');
    }
  };

  const leftByResize = () => view.status === 'extending_error' || view.status === 'shrinking_error';

  /** Writes the rules that count; what was to be denied is left out, and so denied. */
  const ensureNow = async (): Promise<EnsuredShare> => {
    const { instance, location } = entity.place();
    const written = rulesToWrite(view);
    const { accessBy } = view;
    const resized = leftByResize();
    const input = { share: request, instance, location, accessBy, rules: written.rules, resized };
    const ensured = await run(ensureShare, input, `Ensure share ${view.id}`);
    rulesWritten(view, written);
    return ensured;
  };

  const outOfService = (problem: Problem) => {
    // Which of its operations failed matters to the next one of that kind.
    if (!leftByResize() && ensurable.includes(view.status)) view.status = 'error';
    view.error = problem;
    const { retry } = view;
    if (retry?.operation === ensureShare.name) {
      view.retry = failedAgain(retry, ensureShare.name, problem);
    }
  };

  const ensure = async (instanceProblem?: Problem | null): Promise<EnsuredShare> => {
    const { sizeGib } = view;
    try {
      if (instanceProblem) throw failureOf(instanceProblem);
      const ensured = await ensureNow();
      // A share in service may have a word to say about an operation that it refused.
      // Something else may have been accepted meanwhile, which its status announces.
      if (!inService(view.status) && ensurable.includes(view.status)) {
        Object.assign(view, { status: 'available', error: null });
      }
      return ensured;
    } catch (error) {
      const problem = problemOf(error);
      outOfService(problem);
      throw failureOf(problem);
    } finally {
      if (view.sizeGib !== sizeGib) await entity.tellSize();
      publish();
    }
  };

  setHandler(
    ensureShareUpdate,
    async ({ instanceProblem }) =>
      inTurn(async () => {
        requireWhole();
        return ensure(instanceProblem);
      }),
    {
      validator: ({ whenBusy }) => {
        requireWhole();
        if (whenBusy === 'refuse' && (view.operation || queue.length > 0)) {
          refuse('ShareBusy', `${view.operation?.type ?? 'another operation'} is under way`);
        }
      },
    },
  );

  // How it fails stays with the share.
  return async () => void (await ensure().catch(() => undefined));
}
