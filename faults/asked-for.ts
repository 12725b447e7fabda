import type { Cell, Verdict } from './cells.js';
import type { GoodRun } from './place.js';

const goodRunEnding = '/good-run';

/** Verdicts of the good runs that were asked for by name and passed; those that failed have theirs already. */
export const askedGoodRuns = (only: string[] = [], good: ReadonlyMap<string, GoodRun>): Verdict[] =>
  only.flatMap((cell) => {
    const passed = cell.endsWith(goodRunEnding) && good.has(cell.slice(0, -goodRunEnding.length));
    return passed ? [{ cell, outcome: 'passed', struck: true, findings: [], ms: 0 }] : [];
  });

interface Known {
  cells: Pick<Cell, 'id'>[];
  /** Of good runs. */
  verdicts: Pick<Verdict, 'cell'>[];
}

/** What was asked for and is nothing there is; of a scenario whose good run failed nobody knows the cells. */
export function unknownIds(only: string[] = [], { cells, verdicts }: Known): string[] {
  const known = new Set([...cells.map(({ id }) => id), ...verdicts.map(({ cell }) => cell)]);
  return only.filter((id) => !known.has(id) && !known.has(`${id.split('/')[0]}${goodRunEnding}`));
}
