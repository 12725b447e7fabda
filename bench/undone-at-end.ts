import { createUndoStack, type UndoStack } from '../dev/undo-stack.js';

/** Does the work and undoes what it has pushed, also when somebody ends this process. */
export async function undoneAtEnd<T>(work: (undo: UndoStack) => Promise<T>): Promise<T> {
  const undo = createUndoStack();
  let ended: Promise<void> | undefined;
  const end = () => {
    ended ??= undo.undoAll().finally(() => process.exit(143));
  };
  process.once('SIGINT', end).once('SIGTERM', end);
  try {
    return await work(undo);
  } finally {
    process.off('SIGINT', end).off('SIGTERM', end);
    // What was under way fails when it is ended; the rest is undone all the same.
    await (ended ?? undo.undoAll());
  }
}
