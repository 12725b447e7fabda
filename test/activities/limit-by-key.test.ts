import { expect, test } from 'vitest';
import { limitByKey } from '../../activities/limit-by-key.js';

/** Calls that go on until they are told to end. */
function startedCalls(inTurn: ReturnType<typeof limitByKey>) {
  const begun: string[] = [];
  const end = new Map<string, () => void>();
  const start = (key: string, name: string) =>
    inTurn(key, () => {
      begun.push(name);
      return new Promise<string>((resolve) => end.set(name, () => resolve(name)));
    });
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  return { begun, start, turn, end: (name: string) => end.get(name)?.() };
}

test('so many calls to one thing are under way, and the others come when one has ended', async () => {
  const { begun, start, turn, end } = startedCalls(limitByKey(2));
  const calls = ['a', 'b', 'c', 'd'].map((name) => start('instance', name));
  await turn();
  expect(begun).toEqual(['a', 'b']);
  end('b');
  expect(await calls[1]).toBe('b');
  await turn();
  expect(begun).toEqual(['a', 'b', 'c']);
  for (const name of ['a', 'c']) end(name);
  await turn();
  end('d');
  expect(await Promise.all(calls)).toEqual(['a', 'b', 'c', 'd']);
});

test('calls to another thing do not wait for them', async () => {
  const { begun, start, turn } = startedCalls(limitByKey(1));
  void start('one', 'a');
  void start('one', 'b');
  void start('other', 'c');
  await turn();
  expect(begun).toEqual(['a', 'c']);
});

test('a call that fails lets the next one come', async () => {
  const inTurn = limitByKey(1);
  const failed = inTurn('instance', () => Promise.reject(new Error('refused')));
  const next = inTurn('instance', () => Promise.resolve('answered'));
  await expect(failed).rejects.toThrow('refused');
  expect(await next).toBe('answered');
});
