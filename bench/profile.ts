/** Where the time of operations goes, from the histories of its workflows: npm run bench:profile */
import { Command, Option } from 'commander';
import { count } from './count.js';
import { openBench } from './hawser.js';
import { historiesSince } from './histories.js';
import { roundOf, type Operation, type OwnTurn } from './operations.js';
import { spreadOf } from './statistics.js';
import { tableOf } from './table.js';
import { kinds, timeLineOf, type TimeLine } from './time-line.js';
import { undoneAtEnd } from './undone-at-end.js';

interface Flags {
  rounds: number;
  operation: string;
  protocol: 'NFS' | 'CIFS';
  hosts: 'simulated' | 'qemu';
}

const flags = new Command('bench:profile')
  .description('tells where the time of operations goes')
  .option('--rounds <number>', 'how often it is measured', count(), 7)
  .option(
    '--operation <words>',
    'part of their names in `npm run bench`; all with nothing in it',
    'created on a ready',
  )
  .addOption(new Option('--protocol <name>').choices(['NFS', 'CIFS']).default('NFS'))
  .addOption(new Option('--hosts <kind>').choices(['simulated', 'qemu']).default('simulated'))
  .parse()
  .opts<Flags>();

interface Profile {
  wallMs: number;
  line: TimeLine;
}

async function main(): Promise<void> {
  const parts = roundOf([flags.protocol]);
  const operations = parts.flatMap((part) => part.operations);
  const wanted = operations.filter(({ name }) => name.includes(flags.operation));
  if (wanted.length === 0) {
    const names = operations.map(({ name }) => `  ${name}`).join('\n');
    throw new Error(`No operation is called "${flags.operation}"; there are\n${names}`);
  }
  await undoneAtEnd(async (undo) => {
    const bench = await openBench(undo, { hosts: flags.hosts });
    const profiles = new Map(wanted.map((operation) => [operation, new Array<Profile>()]));
    for (let round = 1; round <= flags.rounds; round += 1) {
      for (const part of parts) {
        const turn = { bench, share: `${part.share}-${round}` };
        for (const operation of part.operations) {
          const profile = await profileOf(operation, turn);
          profiles.get(operation)?.push(profile);
        }
      }
    }
    for (const [operation, measured] of profiles) tell(operation, measured);
  });
}

async function profileOf(operation: Operation, turn: OwnTurn): Promise<Profile> {
  await operation.before?.(turn);
  const from = Date.now();
  await operation.hawser(turn);
  const to = Date.now();
  const histories = await historiesSince(turn.bench.hawser, from);
  return { wallMs: to - from, line: timeLineOf(histories, { from, to }) };
}

function tell({ name, criticalPathMs }: Operation, profiles: Profile[]): void {
  const steps = tableOf([name, 'begins after ms', 'takes ms', 'min–max']);
  const numbered = profiles.map(({ line }) => withOccurrences(line.steps));
  for (const step of numbered[0] ?? []) {
    // Those that go on side by side begin in any order.
    const isSame = (other: NumberedStep) =>
      other.name === step.name && other.occurrence === step.occurrence;
    const same = numbered.flatMap((others) => others.find(isSame) ?? []);
    const took = spreadOf(same.map(({ ms }) => ms));
    const { median: after } = spreadOf(same.map(({ afterMs }) => afterMs));
    steps.push([step.name, after, took.median, `${took.min}–${took.max}`]);
  }
  const shares = tableOf(['of this', 'ms', 'min–max']);
  const row = (words: string, of: (profile: Profile) => number) => {
    const { median, min, max } = spreadOf(profiles.map(of));
    shares.push([words, median, `${min}–${max}`]);
  };
  for (const kind of kinds) row(kind, ({ line }) => line.shares[kind]);
  row('all', ({ wallMs }) => wallMs);
  process.stdout.write(
    `${steps.toString()}\n${shares.toString()}\nWhat no driver can do without takes ${criticalPathMs} ms of it.\n\n`,
  );
}

type NumberedStep = TimeLine['steps'][number] & { occurrence: number };

function withOccurrences(steps: TimeLine['steps']): NumberedStep[] {
  const seen = new Map<string, number>();
  return steps.map((step) => {
    const occurrence = (seen.get(step.name) ?? 0) + 1;
    seen.set(step.name, occurrence);
    return { ...step, occurrence };
  });
}

await main();
