import { describe, expect, test } from 'vitest';
import { createUndoStack, undoneOnFailure } from '../../dev/undo-stack.js';

/** Says when it runs, and fails if asked to. */
function recorder() {
  const seen: string[] = [];
  const undo = (name: string, problem?: string) => async () => {
    seen.push(name);
    if (problem !== undefined) throw new Error(problem);
  };
  return { seen, undo };
}

describe('what was pushed', () => {
  test('is undone once, the last first', async () => {
    const { seen, undo } = recorder();
    const stack = createUndoStack();
    for (const name of ['one', 'two', 'three']) stack.push(undo(name));
    await stack.undoAll();
    await stack.undoAll();
    expect(seen).toEqual(['three', 'two', 'one']);
  });

  test('is undone though some of it fails, and all that failed is named', async () => {
    const { seen, undo } = recorder();
    const stack = createUndoStack();
    stack.push(undo('one', 'no first'));
    stack.push(undo('two'));
    stack.push(() => {
      throw new Error('no third');
    });
    await expect(stack.undoAll()).rejects.toThrow(/no third.*no first/);
    expect(seen).toEqual(['two', 'one']);
  });
});

describe('work', () => {
  test('that succeeds is kept', async () => {
    const { seen, undo } = recorder();
    const outcome = await undoneOnFailure(async ({ push }) => {
      push(undo('one'));
      return 'done';
    });
    expect(outcome).toBe('done');
    expect(seen).toEqual([]);
  });

  test('that fails is undone, and passes its failure on', async () => {
    const { seen, undo } = recorder();
    const failure = new Error('half way');
    const outcome = undoneOnFailure(async ({ push }) => {
      push(undo('one'));
      throw failure;
    });
    await expect(outcome).rejects.toBe(failure);
    expect(seen).toEqual(['one']);
  });

  test('that leaves something says why it failed, and what it left', async () => {
    const { undo } = recorder();
    const outcome = undoneOnFailure(async ({ push }) => {
      push(undo('one', 'still there'));
      throw new Error('half way');
    });
    await expect(outcome).rejects.toThrow(/half way.*still there/);
  });
});
