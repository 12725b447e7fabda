import { Option, type Command } from 'commander';
import type { SweepReport, SweptOrphan } from '../../workflows/sweep-model.js';
import { parseDuration } from '../input.js';
import { withSession, type Session } from './session.js';
import { table, type Column } from './tables.js';
import { ago, humanDuration } from './time.js';

interface SweepCommandOptions {
  backend: string;
  delete?: true;
  grace?: string;
  last?: true;
  evenIfNothingLives?: true;
  evenIfUnknown?: true;
}

/** `hawser sweep` */
export function addSweepCommand(program: Command): void {
  program
    .command('sweep')
    .description('find what Hawser made and belongs to no share or service instance any more')
    .option('--backend <name>', 'where to look', 'generic')
    .option('--delete', 'remove what is old enough; without it nothing is changed')
    .option('--grace <time>', 'how old that is: 90s, 30m, 1h, 2d (default: sweep_grace_period)')
    .addOption(
      new Option('--last', 'show what the latest sweep said, without looking again').conflicts([
        'delete',
        'grace',
        'evenIfUnknown',
      ]),
    )
    .option(
      '--even-if-nothing-lives',
      'with --delete: also where Temporal knows of no share and no service instance at all',
    )
    .option(
      '--even-if-unknown',
      'also the data of shares of which Temporal knows nothing (any more)',
    )
    .addHelpText(
      'after',
      '\nExamples:\n  $ hawser sweep\n  $ hawser sweep --delete --grace 6h\n\n' +
        'Ends with 1 when something could not be looked at or not be removed.',
    )
    .action(withSession(sweep));
}

async function sweep(session: Session, options: SweepCommandOptions): Promise<void> {
  const { backend, last } = options;
  const graceSeconds = options.grace === undefined ? undefined : parseDuration(options.grace);
  const client = await session.connect();
  const report = last
    ? await client.lastSweep(backend)
    : await session.waiting({
        what: `Looking through ${backend} for what belongs to nobody`,
        watchWith: `hawser sweep --backend ${backend} --last`,
        run: () =>
          client.sweep({
            backend,
            remove: options.delete,
            graceSeconds,
            evenIfNothingLives: options.evenIfNothingLives,
            evenIfUnknown: options.evenIfUnknown,
          }),
      });
  session.result(report, () => (report ? describeSweep(report) : neverSwept(backend)));
  const failed = report?.orphans.some(({ state }) => state === 'failed');
  if (failed || (report && report.problems.length > 0)) process.exitCode = 1;
}

const neverSwept = (backend: string): string =>
  `No sweep of backend ${backend} is known. Look now with: hawser sweep --backend ${backend}`;

function describeSweep(report: SweepReport): string {
  const { backend, takenAt, orphans, problems } = report;
  const width = (process.stdout.isTTY && process.stdout.columns) || Infinity;
  const heading = `Backend ${backend}, ${ago(takenAt)} (${takenAt})`;
  const rows = orphans.length > 0 ? [table(columns, orphans, width), '', totals(report)] : [];
  return [
    heading,
    '',
    ...(rows.length > 0 ? rows : ['Everything belongs to a share or a service instance.']),
    ...problems,
  ].join('\n');
}

const columns: Column<SweptOrphan>[] = [
  { title: 'KIND', value: ({ kind }) => kind },
  { title: 'ID', value: ({ id }) => id },
  { title: 'SIZE', value: ({ sizeGib }) => (sizeGib === null ? '' : `${sizeGib} GiB`) },
  { title: 'SINCE', value: ({ since }) => (since === null ? 'unknown' : ago(since)) },
  { title: 'OF', value: ({ owner }) => owner, mayShrink: true },
  { title: 'WHY', value: ({ why }) => why, mayShrink: true },
  {
    title: 'STATE',
    value: ({ state, detail }) => (detail === null ? state : `${state}: ${detail}`),
    mayShrink: true,
  },
];

function totals({ orphans, graceSeconds, removes }: SweepReport): string {
  const counts = (['found', 'young', 'kept', 'removed', 'failed'] as const).flatMap((state) => {
    const count = orphans.filter((one) => one.state === state).length;
    return count > 0 ? [`${count} ${state}`] : [];
  });
  const sizeGib = orphans
    .filter(({ state }) => state !== 'removed')
    .reduce((sum, one) => sum + (one.sizeGib ?? 0), 0);
  const old = `older than ${humanDuration(graceSeconds * 1000)}`;
  const advice = removes ? '' : ` hawser sweep --delete removes what is ${old}.`;
  return `${counts.join(', ')}; ${sizeGib} GiB of volumes and snapshots.${advice}`;
}
