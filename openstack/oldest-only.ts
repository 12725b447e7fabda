interface Created {
  id: string;
  createdAt: string;
}

/**
 * OpenStack knows no idempotency key, so an answer that was lost may have left a twin. Finds what an earlier
 * attempt made, or creates it; looks again afterwards, keeps the oldest and removes the others.
 */
export async function oldestOnly<T extends Created>(thing: {
  find: () => Promise<T[]>;
  create: () => Promise<T>;
  remove: (twin: T) => Promise<unknown>;
}): Promise<T> {
  const before = oldestFirst(await thing.find());
  const made = before[0] ?? (await thing.create());
  const [keep = made, ...twins] = before[0] ? before : oldestFirst(await thing.find());
  for (const twin of twins) await thing.remove(twin);
  return keep;
}

function oldestFirst<T extends Created>(things: T[]): T[] {
  return things.toSorted(
    (a, b) => a.createdAt.localeCompare(b.createdAt) || a.id.localeCompare(b.id),
  );
}
