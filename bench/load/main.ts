/** What Hawser does under load, on a cloud with known latencies: npm run bench:load */
import { Command, Option } from 'commander';
import { count } from '../count.js';
import { measureAtOnce } from './at-once.js';
import { measureGrowth } from './growth.js';
import { measureMany } from './many.js';
import { tellLoad, type LoadDocument } from './report.js';

interface Flags {
  only?: keyof typeof scenarios;
  json: boolean;
  original: boolean;
  rounds?: number;
  atOnce: number;
  instances: number;
  shares: number;
  inFlight: number;
  workers: number[];
  idle: number[];
}

const say = (text: string) => void process.stderr.write(`${text}\n`);

const scenarios = {
  'at-once': async (flags: Flags): Promise<LoadDocument> => ({
    atOnce: await measureAtOnce({ ...flags, rounds: flags.rounds ?? 3, say }),
  }),
  many: async (flags: Flags): Promise<LoadDocument> => ({
    many: await measureMany({ ...flags, say }),
  }),
  growth: async (flags: Flags): Promise<LoadDocument> => ({
    growth: await measureGrowth({ ...flags, rounds: flags.rounds ?? 7, say }),
  }),
};

/** So many shares a service instance takes, and so many networks there are addresses for. */
const most = { shares: 26, instances: 256 };

const counts = (text: string): number[] => text.split(',').map(count());

const flags = new Command('bench:load')
  .description('measures what Hawser does under load, on a cloud with known latencies')
  .addOption(
    new Option('--only <scenario>', 'by default all, one after the other').choices(
      Object.keys(scenarios),
    ),
  )
  .option('--json', 'one document on standard output', false)
  .option('--rounds <number>', 'how often each is measured; at-once: 3, growth: 7', count())
  .option('--no-original', 'at-once: Hawser alone')
  .option('--at-once <number>', 'at-once: how many shares', count(1, most.shares), most.shares)
  .option('--instances <number>', 'many: service instances', count(1, most.instances), 50)
  .option('--shares <number>', 'many: how many on each', count(2, most.shares), 20)
  .option('--in-flight <number>', 'many: how many requests at once', count(), 50)
  .option(
    '--workers <numbers>',
    'at-once, many: with how many workers, by turns',
    counts,
    [1, 2, 4],
  )
  .option('--idle <numbers>', 'growth: beside how many idle shares', counts, [100, 1000, 5000])
  .parse()
  .opts<Flags>();

const measured: LoadDocument = {};
for (const [name, measure] of Object.entries(scenarios)) {
  if (flags.only !== undefined && flags.only !== name) continue;
  try {
    Object.assign(measured, await measure(flags));
  } catch (error) {
    // The others took too long to be lost with it.
    say(`${name}: ${error instanceof Error ? error.stack : String(error)}`);
    process.exitCode = 1;
  }
}
if (flags.json) process.stdout.write(`${JSON.stringify(measured, null, 2)}\n`);
else tellLoad(measured);
