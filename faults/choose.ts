import type { Cell } from './cells.js';

export interface Choice {
  seed?: number;
  minutes?: number;
  cells?: number;
  only?: string[];
  scenario?: string[];
  kind?: string[];
}

/** The cells that are wanted; a run with a limit takes them in an order that its seed decides. */
export function choose(
  all: Cell[],
  { seed, minutes, cells, only, scenario, kind }: Choice,
): Cell[] {
  const wanted = all.filter(
    ({ id, scenario: { name }, kind: { name: kindName, group } }) =>
      (only?.includes(id) ?? true) &&
      (scenario?.includes(name) ?? true) &&
      (kind?.some((one) => one === kindName || one === group) ?? true),
  );
  if (seed === undefined && minutes === undefined && cells === undefined) return wanted;
  const chosen = shuffle(wanted, seed ?? 1).slice(0, cells);
  // Those of one scenario meet at their calls at about the same time.
  return cells === undefined ? chosen : chosen.toSorted((a, b) => all.indexOf(a) - all.indexOf(b));
}

/** The same order for the same seed, on every machine. */
export function shuffle<T>(items: T[], seed: number): T[] {
  const next = mulberry32(seed);
  const keyed = items.map((item) => ({ item, key: next() }));
  return keyed.toSorted((a, b) => a.key - b.key).map(({ item }) => item);
}

/** Tommy Ettinger's generator: small, and good enough to choose by. */
export function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
