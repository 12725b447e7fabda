import type { Command } from 'commander';
import type { InstanceHealth, RebootReport, ShareOutcome } from '../../workflows/model.js';
import { outcomeColumns } from './ensure.js';
import { withSession, type Session } from './session.js';
import { list, table, type Column } from './tables.js';
import { whileInstanceWatched } from './while-watched.js';

/** `hawser instance ensure` and `reboot` */
export function addRunningInstanceCommands(instance: Command): void {
  instance
    .command('ensure <id>')
    .description('say whether a service instance is there, answers and has what it needs')
    .action(withSession(ensure));

  instance
    .command('reboot <id>')
    .description('reboot a service instance, and see to it that its shares come back')
    .option('--hard', 'by power, whatever the guest does; without it the guest is asked to')
    .action(withSession(reboot));
}

async function ensure({ connect, result, waiting }: Session, id: string): Promise<void> {
  const client = await connect();
  const health = await waiting({
    what: `Looking at service instance ${id}`,
    watchWith: `hawser instance show ${id}`,
    run: (options) => whileInstanceWatched(client, id, options, () => client.ensureInstance(id)),
  });
  result(health, () => checkTable(health.checks));
  if (health.checks.some(({ ok }) => !ok)) process.exitCode = 1;
}

async function reboot(
  { connect, result, waiting }: Session,
  id: string,
  { hard = false }: { hard?: boolean },
): Promise<void> {
  const client = await connect();
  const report = await waiting({
    what: `Rebooting service instance ${id}`,
    watchWith: `hawser instance show ${id}`,
    run: (options) =>
      whileInstanceWatched(client, id, options, () =>
        client.rebootInstance(id, hard ? 'HARD' : 'SOFT'),
      ),
  });
  result(report, () => describeReboot(report));
  const lacking = report.checks.some(({ ok }) => !ok);
  const failed = report.shares.some((share) => share.result === 'failed');
  if (lacking || failed) process.exitCode = 1;
}

function describeReboot({ instanceId, type, boot, checks, shares }: RebootReport): string {
  const lacking = checks.filter(({ ok }) => !ok);
  return [
    list([
      ['Service instance', instanceId],
      ['Reboot', type === 'HARD' ? 'hard' : 'soft'],
      ['Boot before', boot.before ?? 'unknown: it did not answer'],
      ['Boot now', boot.after],
    ]),
    ...(lacking.length > 0 ? ['', checkTable(lacking)] : []),
    '',
    shares.length > 0 ? outcomeTable(shares) : 'No shares are on it.',
  ].join('\n');
}

const checkTable = (checks: InstanceHealth['checks']): string =>
  table(checkColumns, checks, terminalWidth());

const checkColumns: Column<InstanceHealth['checks'][number]>[] = [
  { title: '', value: ({ ok }) => (ok ? 'ok' : 'NO') },
  { title: 'CHECK', value: ({ name }) => name },
  { title: 'FOUND', value: ({ detail }) => detail, mayShrink: true },
];

const outcomeTable = (shares: ShareOutcome[]): string =>
  table(outcomeColumns, shares, terminalWidth());

/** Text that goes to a file or a pipe is not cut. */
const terminalWidth = (): number => (process.stdout.isTTY && process.stdout.columns) || Infinity;
