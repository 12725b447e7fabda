import type { Command } from 'commander';
import type { EnsureReport, ShareOutcome } from '../../workflows/model.js';
import { InvalidInput } from '../errors.js';
import { describeShare, shareJson } from './share-output.js';
import { withSession, type Session } from './session.js';
import { printable, table, type Column } from './tables.js';
import { whileWatched } from './while-watched.js';

interface EnsureOptions {
  instance?: string;
  all?: true;
  backend?: string;
}

/** `hawser share ensure` */
export function addEnsureCommand(share: Command): void {
  share
    .command('ensure [id]')
    .description('see to it that clients can use a share, or all; say what had to be repaired')
    .option('--instance <id>', 'all shares on this service instance')
    .option('--all', 'all shares of a backend')
    .option('--backend <name>', 'which, with --all (default: generic)')
    .action(withSession(ensure));
}

async function ensure(
  session: Session,
  id: string | undefined,
  { instance, all, backend }: EnsureOptions,
): Promise<void> {
  const wanted = [id, instance, all].filter((one) => one !== undefined);
  if (wanted.length !== 1 || (backend !== undefined && !all)) {
    const message =
      'Name one share, or one service instance with --instance, or --all with or without --backend.';
    throw new InvalidInput([{ field: 'id', message }]);
  }
  if (id !== undefined) return ensureOne(session, id);
  return ensureMany(
    session,
    instance === undefined ? { backend: backend ?? 'generic' } : { instanceId: instance },
  );
}

async function ensureOne({ connect, result, waiting }: Session, id: string): Promise<void> {
  const client = await connect();
  const { repaired } = await waiting({
    what: `Ensuring share ${id}`,
    watchWith: `hawser share watch ${id}`,
    run: (options) => whileWatched(client, id, options, () => client.ensureShare(id)),
  });
  const view = await client.getShare(id);
  result({ ...shareJson(view), repaired }, () =>
    [describeShare(view), '', inOneLine(repaired)].join('\n'),
  );
}

const inOneLine = (repaired: string[]): string =>
  repaired.length === 0
    ? 'It is in service; nothing had to be repaired.'
    : printable(`It is in service again: ${repaired.join(', ')}.`);

async function ensureMany(
  { connect, result, waiting }: Session,
  which: { backend: string } | { instanceId: string },
): Promise<void> {
  const client = await connect();
  const report = await waiting({
    what: `Ensuring the shares of ${'backend' in which ? which.backend : which.instanceId}`,
    watchWith: 'hawser share list',
    run: () => client.ensureShares(which),
  });
  result(report, () => describeReport(report));
  const failed = report.instances.some(
    ({ problem, shares }) => problem ?? shares.some((share) => share.result === 'failed'),
  );
  if (failed) process.exitCode = 1;
}

function describeReport({ instances }: EnsureReport): string {
  const rows = instances.flatMap(({ instanceId, shares }) =>
    shares.map((share) => ({ ...share, instanceId })),
  );
  if (rows.length === 0) return 'No shares to ensure.';
  const counts = (['healthy', 'repaired', 'failed', 'skipped'] as const)
    .map((result) => ({ result, count: rows.filter((row) => row.result === result).length }))
    .flatMap(({ result, count }) => (count > 0 ? [`${count} ${result}`] : []));
  const problems = instances.flatMap(({ instanceId, problem }) =>
    problem ? [printable(`Service instance ${instanceId}: ${problem.message}`)] : [],
  );
  const width = (process.stdout.isTTY && process.stdout.columns) || Infinity;
  return [table(columns, rows, width), '', ...problems, `${counts.join(', ')}.`].join('\n');
}

/** How shares were found, one a line. */
export const outcomeColumns: Column<ShareOutcome>[] = [
  { title: 'SHARE', value: ({ id }) => id },
  { title: 'RESULT', value: ({ result }) => result },
  { title: 'DETAILS', value: ({ details }) => details.join(', '), mayShrink: true },
];

const columns: Column<ShareOutcome & { instanceId: string }>[] = [
  { title: 'INSTANCE', value: ({ instanceId }) => instanceId, mayShrink: true },
  ...outcomeColumns,
];
