import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { openBench } from '../bench.js';
import { LaneKeeper } from '../lane-base.js';
import type { Layout } from '../lanes.js';
import { Replayer } from '../oracles/replay.js';
import type { Place } from '../place.js';
import { patiently } from './patiently.js';
import { planOf, wordsOfSchedule } from './plan.js';
import { reportOf, tell, type ScheduleReport } from './report.js';
import { runSchedule, type ScheduleVerdict } from './run-schedule.js';
import { Weather } from './weather.js';

interface Flags {
  from: number;
  count: number;
  minutes?: number;
  lanes: number;
  json: boolean;
  only?: number[];
  print?: number;
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

async function main(): Promise<ScheduleReport> {
  const stateDir = await mkdtemp(join(tmpdir(), 'hawser-schedules-'));
  if (flags.keep) say(`State and logs: ${stateDir}`);
  const startedAt = Date.now();
  const seeds = flags.only ?? Array.from({ length: flags.count }, (_, at) => flags.from + at);
  const lanes = Array.from({ length: Math.min(flags.lanes, seeds.length) }, (): Layout => 'plain');
  const bench = await openBench({ ...flags, stateDir, lanes });
  try {
    const weather = new Weather(bench);
    // Another checkout's histories are another code's.
    const replayer = flags.workerDirectory === undefined ? await Replayer.open() : undefined;
    const replay = async ({ lane }: Place, began: Date) =>
      (await patiently(async () => replayer?.lookInto(bench, lane, began))) ?? [];
    const places = await Promise.all(
      bench.lanes.map(async (lane): Promise<Place> => {
        return { bench, lane, keeper: await LaneKeeper.of(bench, lane) };
      }),
    );
    const deadline = flags.minutes ? startedAt + flags.minutes * 60_000 : Infinity;
    const verdicts: ScheduleVerdict[] = [];
    const queue = [...seeds];
    await Promise.all(
      places.map(async (place) => {
        for (let seed = queue.shift(); seed !== undefined; seed = queue.shift()) {
          if (Date.now() > deadline) return;
          const verdict = await runSchedule(place, planOf(seed), {
            weather,
            name: `s${seed}`,
            ...(seed % flags.replayEvery === 0 && { replay }),
          });
          verdicts.push(verdict);
          if (verdict.outcome !== 'passed') {
            say(`${verdict.outcome} ${seed}\n  ${verdict.findings.join('\n  ')}`);
          }
          if (verdicts.length % 10 === 0) say(`${verdicts.length} schedules`);
        }
      }),
    );
    return reportOf(verdicts, {
      startedAt,
      seeds: { from: Math.min(...seeds), to: Math.max(...seeds) },
      kills: weather.kills,
      replayed: replayer?.count ?? 0,
    });
  } finally {
    await bench.close();
    if (!flags.keep) await rm(stateDir, { recursive: true, force: true });
  }
}

if (flags.print !== undefined) {
  process.stdout.write(`${wordsOfSchedule(planOf(flags.print)).join('\n')}\n`);
} else {
  const report = await main();
  if (flags.json) process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
  else tell(report);
  process.exitCode = report.failed.length > 0 ? 1 : 0;
}
