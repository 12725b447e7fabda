import { runCell } from './attempt.js';
import type { Bench } from './bench.js';
import type { Cell, Verdict } from './cells.js';
import { shuffle } from './choose.js';
import type { Event } from './kinds.js';
import type { Batch, GoodRun, Place } from './place.js';

export interface Run {
  cells: Cell[];
  good: Map<string, GoodRun>;
  places: Place[];
  /** Told of each cell that ended. */
  onVerdict: (verdict: Verdict) => void;
  /** No cell begins after it. */
  deadline: number;
}

/** Events that happen to everybody at once. */
const global: Event[] = [
  'kill the worker',
  'kill the worker before it can tell',
  'start a second worker',
  'replace the worker',
  'kill Temporal',
  'kill the cloud',
];

interface Round {
  event: Event;
  cells: Cell[];
}

/**
 * Runs all cells in all lanes: those with something in common together, the others as lanes become free. With a limit of
 * time both get their share of it.
 */
export async function runCells(bench: Bench, run: Run): Promise<void> {
  const { cells, places, deadline } = run;
  const alone = cells.filter(({ kind }) => !kind.event || !global.includes(kind.event));
  const rounds = global.flatMap((event) => {
    const together = cells.filter(({ kind }) => kind.event === event);
    return roundsOf(together, places).map((round): Round => ({ event, cells: round }));
  });
  const half = rounds.length > 0 ? Date.now() + (deadline - Date.now()) / 2 : deadline;
  await runEachAlone(alone, { ...run, deadline: half });
  for (const round of Number.isFinite(deadline) ? shuffle(rounds, 1) : rounds) {
    if (Date.now() > deadline) return;
    await runTogether(bench, round, run);
  }
}

export const suits = ({ lane }: Place, { layout = 'plain' }: Cell['scenario']): boolean =>
  lane.layout === layout;

/** As many cells at a time as there are lanes that suit them. */
function roundsOf(cells: Cell[], places: Place[]): Cell[][] {
  const queue = [...cells];
  const rounds: Cell[][] = [];
  while (queue.length > 0) {
    const round = places.flatMap((place) => takeFirst(queue, place) ?? []);
    if (round.length === 0) throw new Error(`no lane suits ${queue[0]?.scenario.name}`);
    rounds.push(round);
  }
  return rounds;
}

function takeFirst(queue: Cell[], place: Place): Cell | undefined {
  const at = queue.findIndex(({ scenario }) => suits(place, scenario));
  return at < 0 ? undefined : queue.splice(at, 1)[0];
}

async function runEachAlone(cells: Cell[], { good, places, onVerdict, deadline }: Run) {
  const queue = [...cells];
  const batch: Batch = { struck: async () => undefined };
  await Promise.all(
    places.map(async (place) => {
      for (let cell = takeFirst(queue, place); cell; cell = takeFirst(queue, place)) {
        if (Date.now() > deadline) return;
        onVerdict(await runCell(place, cell, goodRunOf(good, cell), batch));
      }
    }),
  );
}

/** A round of as many cells as there are lanes: each comes to its call and waits, then it happens to all. */
async function runTogether(bench: Bench, { event, cells }: Round, run: Run): Promise<void> {
  const { places, good, onVerdict } = run;
  const free = [...places];
  const batch = meeting(cells.length, (reached) =>
    reached ? bench.sufferings.suffer(event) : undefined,
  );
  await Promise.all(
    cells.map(async (cell) => {
      const at = free.findIndex((place) => suits(place, cell.scenario));
      const [place] = free.splice(at, 1);
      if (at < 0 || !place) throw new Error(`too many cells for the lanes: ${cell.id}`);
      onVerdict(await runCell(place, cell, goodRunOf(good, cell), batch));
    }),
  );
  await bench.sufferings.recover();
}

/** Lets everybody go on when all have come and `together` is done; who reached no call comes too. */
function meeting(count: number, together: (reached: number) => Promise<number> | undefined): Batch {
  let reached = 0;
  let missing = count;
  let open: (killedAt: number) => void = () => undefined;
  let fail: (error: unknown) => void = () => undefined;
  const opened = new Promise<number>((resolve, reject) => {
    open = resolve;
    fail = reject;
  });
  opened.catch(() => undefined);
  return {
    async struck(_place, struck) {
      if (struck) reached += 1;
      missing -= 1;
      if (missing === 0) {
        try {
          open((await together(reached)) ?? 0);
        } catch (error) {
          fail(error);
        }
      }
      const killedAt = await opened;
      return struck && killedAt > 0 ? { killedAt } : undefined;
    },
  };
}

function goodRunOf(good: Map<string, GoodRun>, { scenario }: Cell): GoodRun {
  const run = good.get(scenario.name);
  if (!run) throw new Error(`${scenario.name} has had no good run`);
  return run;
}
