import { setTimeout as sleep } from 'node:timers/promises';
import { runCell } from './attempt.js';
import type { Bench } from './bench.js';
import type { Cell, Verdict } from './cells.js';
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
  'kill Temporal',
  'kill the cloud',
];

/** Runs all cells in all lanes: those with something in common together, the others as lanes become free. */
export async function runCells(bench: Bench, run: Run): Promise<void> {
  const alone = run.cells.filter(({ kind }) => !kind.event || !global.includes(kind.event));
  await runEachAlone(alone, run);
  for (const event of global) {
    await runTogether(
      bench,
      event,
      run.cells.filter(({ kind }) => kind.event === event),
      run,
    );
  }
}

async function runEachAlone(cells: Cell[], { good, places, onVerdict, deadline }: Run) {
  const queue = [...cells];
  const batch: Batch = { struck: async () => undefined };
  await Promise.all(
    places.map(async (place) => {
      for (let cell = queue.shift(); cell; cell = queue.shift()) {
        if (Date.now() > deadline) return;
        onVerdict(await runCell(place, cell, goodRunOf(good, cell), batch));
      }
    }),
  );
}

/** A round of as many cells as there are lanes: each comes to its call and waits, then it happens to all. */
async function runTogether(bench: Bench, event: Event, cells: Cell[], run: Run): Promise<void> {
  const { places, good, onVerdict, deadline } = run;
  for (let from = 0; from < cells.length && Date.now() < deadline; from += places.length) {
    const round = cells.slice(from, from + places.length);
    const batch = meeting(round.length, (reached) => (reached ? bench.suffer(event) : undefined));
    await Promise.all(
      round.map(async (cell, at) => {
        const place = places[at];
        if (!place) throw new Error('there are fewer lanes than cells in a round');
        onVerdict(await runCell(place, cell, goodRunOf(good, cell), batch));
      }),
    );
    await sleep(100);
  }
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
