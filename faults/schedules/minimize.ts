/** Gives back one of several lists that still fails, or undefined when none does. */
export type FirstFailing<T> = (candidates: T[][]) => Promise<T[] | undefined>;

/**
 * The least of a list that still fails: no single item can be left out of it. Leaves out halves first, then smaller parts, as
 * Zeller's delta debugging does. The whole list is taken to fail.
 */
export async function minimize<T>(items: T[], firstFailing: FirstFailing<T>): Promise<T[]> {
  let least = items;
  let parts = 2;
  while (least.length > 0) {
    const size = Math.ceil(least.length / parts);
    const failing = await firstFailing(leavingOut(least, size));
    if (failing) {
      least = failing;
      parts = Math.max(2, parts - 1);
    } else if (size > 1) {
      parts *= 2;
    } else {
      break;
    }
  }
  return least;
}

/** The list without each part of that size in turn. */
function leavingOut<T>(items: T[], size: number): T[][] {
  const starts = items.flatMap((_, at) => (at % size === 0 ? at : []));
  return starts.map((start) => [...items.slice(0, start), ...items.slice(start + size)]);
}
