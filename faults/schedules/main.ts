import { Command } from 'commander';
import type { Bench } from '../bench.js';
import type { Layout } from '../lanes.js';
import { lookForSecrets } from '../oracles/secrets.js';
import type { Place } from '../place.js';
import { patiently } from './patiently.js';
import { planOf, wordsOfSchedule } from './plan.js';
import { reportOf, tell, type ScheduleReport } from './report.js';
import { runSchedule, type ScheduleVerdict } from './run-schedule.js';
import { shrink } from './shrink.js';
import { withBench } from '../with-bench.js';
import { Weather } from './weather.js';

interface Flags {
  from: number;
  count: number;
  minutes?: number;
  lanes: number;
  json: boolean;
  only?: number[];
  print?: number;
  shrink?: number;
  replayEvery: number;
  workerDirectory?: string;
  keep: boolean;
}

const collect = (value: string, before: number[] | undefined) => [...(before ?? []), Number(value)];

const flags = new Command('schedules')
  .description('runs random operations with random faults, and looks what comes of them')
  .option('--from <seed>', 'the first seed', Number, 1)
  .option('--count <number>', 'how many seeds', Number, 500)
  .option('--minutes <number>', 'how long schedules may begin; by default all of them run', Number)
  .option('--lanes <number>', 'how many run at a time', Number, 12)
  .option('--json', 'one document on standard output', false)
  .option('--only <seed>', 'this seed; may be given several times', collect)
  .option('--print <seed>', 'only tell the schedule of this seed in words', Number)
  .option('--shrink <seed>', 'find the smallest part of this schedule that fails', Number)
  .option(
    '--replay-every <number>',
    'of how many schedules one has its histories replayed',
    Number,
    5,
  )
  .option('--worker-directory <directory>', 'a checkout that the worker runs instead of this one')
  .option('--keep', 'leave the state directory for a look at its logs', false)
  .parse()
  .opts<Flags>();

const say = (text: string) => void process.stderr.write(`${text}\n`);

/** Works in as many plain lanes. */
const inLanes = <T>(lanes: number, work: (bench: Bench, places: Place[]) => Promise<T>) =>
  withBench({ ...flags, lanes: Array.from({ length: lanes }, (): Layout => 'pair') }, work);

async function runAll(seeds: number[]): Promise<ScheduleReport> {
  const startedAt = Date.now();
  const deadline = flags.minutes ? startedAt + flags.minutes * 60_000 : Infinity;
  return inLanes(Math.min(flags.lanes, seeds.length), async (bench, places) => {
    const weather = new Weather(bench);
    const { replayer } = bench;
    const replay = async ({ lane }: Place, began: Date) =>
      (await patiently(async () => replayer?.lookInto(bench, lane, began))) ?? [];
    const verdicts: ScheduleVerdict[] = [];
    const queue = [...seeds];
    const runIn = async (place: Place) => {
      while (Date.now() < deadline) {
        const seed = queue.shift();
        if (seed === undefined) return;
        const verdict = await runSchedule(place, planOf(seed), {
          weather,
          name: `s${seed}`,
          ...(seed % flags.replayEvery === 0 && { replay }),
        });
        verdicts.push(verdict);
        if (verdicts.length % 25 === 0) say(`${verdicts.length} schedules`);
        if (verdict.outcome === 'passed') continue;
        say(`${verdict.outcome} ${seed}\n  ${verdict.findings.join('\n  ')}`);
        await patiently(() => place.keeper.scrub());
      }
    };
    await Promise.all(
      places.map((place) =>
        // The others go on without a lane that is beyond repair.
        runIn(place).catch((error: unknown) => {
          say(`${place.lane.name} is out: ${String(error)}`);
          process.exitCode = 1;
        }),
      ),
    );
    return reportOf(verdicts, {
      startedAt,
      planned: seeds.length,
      seeds: { from: Math.min(...seeds), to: Math.max(...seeds) },
      kills: weather.kills,
      replayed: replayer?.count ?? 0,
      secrets: (await lookForSecrets(bench)).map(({ text }) => text),
    });
  });
}

async function shrinkOne(seed: number): Promise<void> {
  const deadline = Date.now() + (flags.minutes ?? 15) * 60_000;
  await inLanes(flags.lanes, async (bench, places) => {
    const weather = new Weather(bench);
    const { schedule, verdict } = await shrink(planOf(seed), { places, weather, deadline, say });
    const words = verdict
      ? [...wordsOfSchedule(schedule), ...verdict.findings.map((finding) => `  ${finding}`)]
      : [`Schedule ${seed} did not fail again`];
    process.stdout.write(`${words.join('\n')}\n`);
  });
}

if (flags.print !== undefined) {
  process.stdout.write(`${wordsOfSchedule(planOf(flags.print)).join('\n')}\n`);
} else if (flags.shrink !== undefined) {
  await shrinkOne(flags.shrink);
} else {
  const seeds = flags.only ?? Array.from({ length: flags.count }, (_, at) => flags.from + at);
  const report = await runAll(seeds);
  if (flags.json) process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
  else tell(report);
  if (report.failed.length > 0 || report.secrets.length > 0) process.exitCode = 1;
}
