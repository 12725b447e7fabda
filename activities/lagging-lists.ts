/** A list that lags may lack what is there: that there is nothing is believed when it is seen twice. */
export async function noneTwice<T>(list: () => Promise<T[]>): Promise<T[]> {
  const seen = await list();
  return seen.length > 0 ? seen : list();
}

/** All that is in one of two such lists, some of it twice: for what must lack nothing. */
export async function inEither<T>(list: () => Promise<T[]>): Promise<T[]> {
  return [...(await list()), ...(await list())];
}

/** The same of things with an id, each once and as it was listed last. */
export async function eachInEither<T extends { id: string }>(
  list: () => Promise<T[]>,
): Promise<T[]> {
  return [...new Map((await inEither(list)).map((one) => [one.id, one])).values()];
}

/** Removes what a list tells of, and looks again while it tells of others: it may have been an old one. */
export async function removeListed<T extends { id: string }>(
  list: () => Promise<T[]>,
  remove: (one: T) => Promise<unknown>,
): Promise<void> {
  let known = '';
  let listed = await noneTwice(list);
  while (listed.length > 0 && idsOf(listed) !== known) {
    for (const one of listed) await remove(one);
    known = idsOf(listed);
    listed = await list();
  }
}

const idsOf = (things: { id: string }[]): string =>
  things
    .map(({ id }) => id)
    .sort()
    .join();
