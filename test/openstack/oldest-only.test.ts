import { describe, expect, test } from 'vitest';
import { oldestOnly } from '../../openstack/oldest-only.js';

interface Thing {
  id: string;
  createdAt: string;
}

/** A cloud with one kind of thing, whose lists may be what `lists` says they are instead. */
function cloudOf(things: Thing[], lists: Thing[][] = []) {
  const there = new Map(things.map((thing) => [thing.id, thing]));
  return {
    there,
    ensure: () =>
      oldestOnly({
        find: async () => lists.shift() ?? [...there.values()],
        look: async (id) => there.get(id),
        create: async () => {
          const made = { id: `made-${there.size}`, createdAt: `2026-01-0${there.size + 5}` };
          there.set(made.id, made);
          return made;
        },
        remove: async ({ id }) => there.delete(id),
      }),
  };
}

const old = { id: 'old', createdAt: '2026-01-01' };
const young = { id: 'young', createdAt: '2026-01-02' };

describe('of things that shall be there once', () => {
  test('one is made where there is none', async () => {
    const { there, ensure } = cloudOf([]);
    expect(await ensure()).toMatchObject({ id: 'made-0' });
    expect([...there.keys()]).toEqual(['made-0']);
  });

  test('the oldest stays', async () => {
    const { there, ensure } = cloudOf([young, old]);
    expect(await ensure()).toEqual(old);
    expect([...there.keys()]).toEqual(['old']);
  });

  test('one that a list still tells of is not taken for there', async () => {
    const { there, ensure } = cloudOf([], [[old], [old]]);
    expect(await ensure()).toMatchObject({ id: 'made-0' });
    expect([...there.keys()]).toEqual(['made-0']);
  });

  test('one that a list does not tell of yet makes its twin go', async () => {
    const { there, ensure } = cloudOf([old], [[]]);
    expect(await ensure()).toEqual(old);
    expect([...there.keys()]).toEqual(['old']);
  });

  test('one that was made and is not listed yet is the one', async () => {
    const { there, ensure } = cloudOf([], [[], []]);
    expect(await ensure()).toMatchObject({ id: 'made-0' });
    expect(there.size).toBe(1);
  });
});
