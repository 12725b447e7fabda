import type { Outcome } from '../cells.js';
import type { Place } from '../place.js';
import { minimize } from './minimize.js';
import { makesSense, partsOf, withParts, type Part } from './parts.js';
import { patiently } from './patiently.js';
import type { Schedule } from './plan.js';
import { runSchedule, type ScheduleVerdict } from './run-schedule.js';
import type { Weather } from './weather.js';

export interface Shrinking {
  places: Place[];
  weather: Weather;
  /** From then on what is known to fail counts as the smallest. */
  deadline: number;
  say: (text: string) => void;
}

export interface Shrunk {
  schedule: Schedule;
  /** How it failed; undefined when even the whole schedule did not fail again. */
  verdict: ScheduleVerdict | undefined;
}

/** Whether something fails may be a matter of chance: so often it is tried. */
const attempts = 3;

/** The smallest part of a schedule that fails as all of it does. */
export async function shrink(schedule: Schedule, shrinking: Shrinking): Promise<Shrunk> {
  const { places, weather, deadline, say } = shrinking;
  let runs = 0;
  let failed: ScheduleVerdict | undefined;

  const run = async (place: Place, plan: Schedule) => {
    runs += 1;
    const name = `s${schedule.seed}r${runs}`;
    const verdict = await runSchedule(place, plan, { weather, name });
    if (verdict.outcome !== 'passed') await patiently(() => place.keeper.scrub());
    return verdict;
  };

  /** The first plan that fails like that, each tried a few times, in as many lanes as there are. */
  const firstOf = async (plans: Schedule[], outcome?: Outcome): Promise<Schedule | undefined> => {
    const queue = Array.from({ length: attempts }, () => plans).flat();
    let found: Schedule | undefined;
    await Promise.all(
      places.map(async (place) => {
        for (let plan = queue.shift(); plan && !found; plan = queue.shift()) {
          if (Date.now() > deadline) return;
          const verdict = await run(place, plan);
          const alike = outcome === undefined || verdict.outcome === outcome;
          if (verdict.outcome === 'passed' || !alike) continue;
          if (!found) [found, failed] = [plan, verdict];
        }
      }),
    );
    return found;
  };

  await firstOf([schedule]);
  if (!failed) return { schedule, verdict: undefined };
  const { outcome, steps } = failed;
  const whole = { ...schedule, steps: schedule.steps.slice(0, steps) };
  const least = await minimize<Part>(partsOf(whole), async (candidates) => {
    const plans = candidates.map((parts) => ({ parts, plan: withParts(whole, parts) }));
    const sensible = plans.filter(({ plan }) => plan.steps.length > 0 && makesSense(plan));
    const found = await firstOf(
      sensible.map(({ plan }) => plan),
      outcome,
    );
    const kept = sensible.find(({ plan }) => plan === found)?.parts;
    if (kept) say(`${kept.length} parts of it fail (${runs} runs)`);
    return kept;
  });
  return { schedule: withParts(whole, least), verdict: failed };
}
