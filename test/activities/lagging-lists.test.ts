import { describe, expect, test } from 'vitest';
import { inEither, noneTwice, removeListed } from '../../activities/lagging-lists.js';

const [a, b] = [{ id: 'a' }, { id: 'b' }];

/** Answers with one list after the other, and with the last one from then on. */
const listOf = (...lists: { id: string }[][]) => {
  const rest = [...lists];
  return async () => (rest.length > 1 ? rest.shift() : rest[0]) ?? [];
};

describe('a list that lags', () => {
  test('is asked again before nothing is believed to be there', async () => {
    expect(await noneTwice(listOf([], [a]))).toEqual([a]);
    expect(await noneTwice(listOf([], []))).toEqual([]);
  });

  test('is asked twice for what must lack nothing', async () => {
    expect(await inEither(listOf([a], [a, b]))).toEqual([a, a, b]);
  });

  test('keeps nothing from being removed', async () => {
    const removed: string[] = [];
    await removeListed(listOf([], [a], [b], []), async ({ id }) => removed.push(id));
    expect(removed).toEqual(['a', 'b']);
  });

  test('with what may not be removed does not hold up anybody', async () => {
    const asked: string[] = [];
    await removeListed(listOf([a, b]), async ({ id }) => asked.push(id));
    expect(asked).toEqual(['a', 'b']);
  });
});
