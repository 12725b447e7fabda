import { appendFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Store } from '../../devcloud/state.js';

interface Thing {
  id: string;
  size: number;
}

let directory: string;
let file: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'devcloud-state-'));
  file = join(directory, 'state.jsonl');
});

afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

const things = (store: Store) => store.collection<Thing>('things');

test('what was put, changed and deleted is so after a restart, in order', () => {
  const store = new Store(directory);
  things(store).put({ id: 'a', size: 1 });
  things(store).put({ id: 'b', size: 2 });
  things(store).put({ id: 'c', size: 3 });
  things(store).update('a', { size: 9 });
  things(store).delete('b');
  store.close();
  const again = new Store(directory);
  expect(things(again).all()).toEqual([
    { id: 'a', size: 9 },
    { id: 'c', size: 3 },
  ]);
  again.close();
});

test('what one turn of the loop changes is there whole or not at all', async () => {
  const store = new Store(directory);
  things(store).put({ id: 'a', size: 1 });
  store.flush();
  things(store).put({ id: 'b', size: 2 });
  things(store).delete('a');
  expect((await readFile(file, 'utf8')).trim().split('\n')).toHaveLength(2);
  store.close();
  const whole = await readFile(file, 'utf8');
  const torn = whole.slice(0, -10);
  await rm(file);
  await appendFile(file, torn);
  const again = new Store(directory);
  expect(things(again).all()).toEqual([{ id: 'a', size: 1 }]);
  again.close();
});

test('changes are written without being asked for when the code returns', async () => {
  const store = new Store(directory);
  things(store).put({ id: 'a', size: 1 });
  await Promise.resolve();
  expect(await readFile(file, 'utf8')).toContain('"a"');
  store.close();
});

test('the journal does not grow for ever', async () => {
  const store = new Store(directory);
  for (let size = 0; size < 50_000; size += 1) {
    things(store).put({ id: 'a', size });
    if (size % 100 === 0) store.flush();
  }
  store.close();
  expect((await readFile(file, 'utf8')).length).toBeLessThan(1_500_000);
  const again = new Store(directory);
  expect(things(again).get('a')).toEqual({ id: 'a', size: 49_999 });
  again.close();
});
