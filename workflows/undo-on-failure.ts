import {
  ApplicationFailure,
  CancellationScope,
  TemporalFailure,
  log,
  rootCause,
} from '@temporalio/workflow';

type Undo = () => Promise<unknown>;

/**
 * Runs `steps`; if one fails or the workflow is cancelled, undoes the registered ones, last first.
 * Register a step's undo before the step: a step that timed out may still have done its work.
 * What could not be undone is named in an `UndoIncomplete` failure.
 */
export async function undoOnFailure<T>(
  steps: (onFailure: (undo: Undo) => void) => Promise<T>,
): Promise<T> {
  const undos: Undo[] = [];
  try {
    return await steps((undo) => undos.unshift(undo));
  } catch (failure) {
    // Anything else is a bug in our code: the task waits for a fix, with nothing torn down.
    if (!(failure instanceof TemporalFailure)) throw failure;
    const leftovers = await CancellationScope.nonCancellable(() => runAll(undos));
    if (leftovers.length === 0) throw failure;
    throw ApplicationFailure.create({
      type: 'UndoIncomplete',
      message: `${rootCause(failure)}; then undo failed: ${leftovers.join('; ')}`,
      cause: failure,
      nonRetryable: true,
    });
  }
}

async function runAll(undos: Undo[]): Promise<string[]> {
  const leftovers: string[] = [];
  for (const undo of undos) {
    try {
      await undo();
    } catch (error) {
      log.error('Undo failed', { error });
      leftovers.push(rootCause(error) ?? String(error));
    }
  }
  return leftovers;
}
