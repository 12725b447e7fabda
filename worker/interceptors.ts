import type { Context } from '@temporalio/activity';
import type { ActivityInterceptors } from '@temporalio/worker';
import { beat, countFailure } from '../activities/progress.js';
import { limited, toFailure } from './failures.js';

const beatMs = 1000;

/** Around every activity: a heartbeat each second, and failures typed in one place. */
export function activityInterceptors(context: Context): ActivityInterceptors {
  return {
    inbound: {
      async execute(input, next) {
        const timer = setInterval(() => beat(context), beatMs);
        try {
          return await next(input);
        } catch (error) {
          throw limited(toFailure(error), (type) => countFailure(context, type));
        } finally {
          clearInterval(timer);
        }
      },
    },
  };
}
