import { CancellationScope } from '@temporalio/workflow';

/**
 * Runs two steps side by side. If one fails the other is cancelled and waited for, so that undo never
 * runs beside a step that is still at work.
 */
export async function bothOrNeither<A, B>(
  first: () => Promise<A>,
  second: () => Promise<B>,
): Promise<[A, B]> {
  return CancellationScope.cancellable(async () => {
    const scope = CancellationScope.current();
    const steps = [first(), second()] as const;
    try {
      return await Promise.all(steps);
    } catch (failure) {
      scope.cancel();
      await Promise.allSettled(steps);
      throw failure;
    }
  });
}
