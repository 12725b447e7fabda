interface Created {
  id: string;
  createdAt: string;
}

/**
 * OpenStack knows no idempotency key, so an answer that was lost may have left a twin. Finds what an earlier
 * attempt made, or creates it; looks again afterwards, keeps the oldest and removes the others. A list may tell of things
 * that are gone: those that were not made just now are looked at by their ids.
 */
export async function oldestOnly<T extends Created>(thing: {
  find: () => Promise<T[]>;
  look: (id: string) => Promise<unknown>;
  create: () => Promise<T>;
  remove: (twin: T) => Promise<unknown>;
}): Promise<T> {
  const findThere = async (made?: T): Promise<T[]> => {
    const there: T[] = [];
    for (const one of await thing.find()) {
      if (one.id === made?.id || (await thing.look(one.id)) !== undefined) there.push(one);
    }
    return there;
  };
  const before = await findThere();
  if (before.length > 0) return keepOldest(before, thing.remove);
  const made = await thing.create();
  const after = await findThere(made);
  const listed = after.some(({ id }) => id === made.id);
  return keepOldest(listed ? after : [made, ...after], thing.remove);
}

async function keepOldest<T extends Created>(
  things: T[],
  remove: (twin: T) => Promise<unknown>,
): Promise<T> {
  const [keep, ...twins] = oldestFirst(things);
  if (!keep) throw new Error('there is nothing to keep');
  for (const twin of twins) await remove(twin);
  return keep;
}

function oldestFirst<T extends Created>(things: T[]): T[] {
  return things.toSorted(
    (a, b) => a.createdAt.localeCompare(b.createdAt) || a.id.localeCompare(b.id),
  );
}
