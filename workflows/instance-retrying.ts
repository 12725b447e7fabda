import { condition, setHandler } from '@temporalio/workflow';
import { giveUpUpdate, retryUpdate } from './messages.js';
import type { ServiceInstanceView } from './model.js';
import { failureOf } from './problem.js';
import { givenUp } from './retrying.js';

interface Tried {
  view: ServiceInstanceView;
  publish: () => void;
  /** Has its deletion tried now; refuses while it is in use. */
  tryAgain: () => void;
}

/** Answers the requests to try the deletion of an instance again at once, and to give it up. */
export function handleInstanceRetrying({ view, publish, tryAgain }: Tried) {
  let forgotten = false;

  const requireFailed = (): void => {
    if (view.retry) return;
    throw failureOf({
      type: 'NothingToRetry',
      message: `Service instance ${view.id} is ${view.status}, and nothing of it waits to be tried again.`,
    });
  };

  setHandler(
    retryUpdate,
    async (_instance) => {
      const before = view.retry?.attempts ?? 0;
      tryAgain();
      await condition(
        () => forgotten || view.status === 'deleted' || (view.retry?.attempts ?? 0) > before,
      );
      if (forgotten && view.status !== 'deleted') {
        throw failureOf({
          type: 'GivenUp',
          message: `Service instance ${view.id} was given up by the operator meanwhile.`,
        });
      }
      if (view.retry) {
        throw failureOf({ type: view.error?.type ?? 'Failed', message: view.retry.reason });
      }
    },
    { validator: (_instance) => requireFailed() },
  );

  setHandler(
    giveUpUpdate,
    (_instance) => {
      forgotten = true;
    },
    { validator: (_instance) => requireFailed() },
  );

  return {
    /** Given up: the instance's workflow is over, whatever is left of it. */
    forgotten: (): boolean => forgotten,

    /** Leaves the reason behind; a try that was under way may have succeeded after all. */
    end(): void {
      if (!forgotten || view.status === 'deleted') return;
      view.error = givenUp(view.retry);
      delete view.retry;
      publish();
    },
  };
}
