/** What was done, and how to undo it. */
export interface UndoStack {
  push: (undo: () => Promise<unknown>) => void;
  /**
   * Undoes all, the last first, also when some of it fails. Safe to repeat: nothing is undone twice.
   *
   * @throws AggregateError with everything that failed
   */
  undoAll: () => Promise<void>;
}

export function createUndoStack(): UndoStack {
  const undos: (() => Promise<unknown>)[] = [];
  return {
    push: (undo) => void undos.push(undo),
    undoAll: async () => {
      const failures: unknown[] = [];
      for (let undo = undos.pop(); undo; undo = undos.pop()) {
        try {
          await undo();
        } catch (error) {
          failures.push(error);
        }
      }
      if (failures.length > 0) throw together('Not all was undone', failures);
    },
  };
}

/** Does the work; if it fails, what it has pushed is undone before the failure is passed on. */
export async function undoneOnFailure<T>(work: (undo: UndoStack) => Promise<T>): Promise<T> {
  const undo = createUndoStack();
  try {
    return await work(undo);
  } catch (error) {
    await undo.undoAll().catch((left: unknown) => {
      throw together('It failed, and left something', [error, left]);
    });
    throw error;
  }
}

/** The words of all are in the message, for not everything that shows errors looks further. */
const together = (what: string, errors: unknown[]): AggregateError =>
  new AggregateError(errors, `${what}: ${errors.map(String).join('; ')}`);
