import { Option, type Command } from 'commander';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AccessLevel, AccessRule } from '../../workflows/model.js';
import type { HawserClient } from '../hawser-client.js';
import { parseAccessSpec, parseRule } from '../input.js';
import { withSession, type Session, type Wait } from './session.js';
import { describeAccess, mountCommand } from './share-output.js';
import { table } from './tables.js';

/** `hawser access …` */
export function addAccessCommands(program: Command): void {
  const access = program.command('access').description('say which clients may mount a share');

  access
    .command('allow <share>')
    .description('let an address in; returns when it may mount')
    .requiredOption('--to <IP|CIDR>', 'an IPv4 or IPv6 address or prefix')
    .addOption(
      new Option('--level <level>', 'read and write, or read only')
        .choices(['rw', 'ro'])
        .makeOptionMandatory(),
    )
    .option('--id <id>', "the rule's id (default: a random one)")
    .addHelpText(
      'after',
      '\nExamples:\n  $ hawser access allow projects --to 10.0.0.5 --level rw' +
        '\n  $ hawser access allow projects --to 10.0.0.0/24 --level ro',
    )
    .action(withSession(allow));

  access
    .command('deny <share> <rule>')
    .description('take a rule away, named by its id or its address; returns when it lets nobody in')
    .action(withSession(deny));

  access
    .command('list <share>')
    .description("list a share's rules")
    .action(
      withSession(async ({ connect, result }, shareId: string) => {
        const client = await connect();
        const view = await client.getShare(shareId);
        result(view.accessRules, () =>
          view.accessRules.length > 0
            ? ruleTable(view.accessRules)
            : describeAccess(view).join('\n'),
        );
      }),
    );
}

async function allow(
  { connect, result, waiting }: Session,
  shareId: string,
  options: { to: string; level: AccessLevel; id?: string },
): Promise<void> {
  // NFS takes all that any share takes; what its own protocol refuses is known when it is found.
  const access = parseAccessSpec('NFS', options);
  const client = await connect();
  const rule = await waiting(
    whileWatched(client, shareId, `Letting ${options.to} in to share ${shareId}`, () =>
      client.allowAccess(shareId, access),
    ),
  );
  const view = await client.getShare(shareId);
  result(rule, () =>
    [
      `${rule.to} may mount share ${shareId}, ${rule.level === 'rw' ? 'to read and write' : 'to read'} (rule ${rule.id}). There, type:`,
      ...view.exportLocations
        .filter(({ adminOnly }) => !adminOnly)
        .map(({ path }) => `  ${mountCommand(view, path)}`),
    ].join('\n'),
  );
}

async function deny({ connect, result, waiting }: Session, shareId: string, text: string) {
  const which = parseRule(text);
  const client = await connect();
  const rule = await waiting(
    whileWatched(client, shareId, `Taking ${which} away from share ${shareId}`, () =>
      client.denyAccess(shareId, which),
    ),
  );
  result(
    rule,
    () => `Rule ${rule.id} is gone: ${rule.to} may not mount share ${shareId} any more.`,
  );
}

/** Shows the share's steps while a request that answers at its end is under way. */
function whileWatched<T>(
  client: HawserClient,
  shareId: string,
  what: string,
  request: () => Promise<T>,
): Wait<T> {
  return {
    what,
    watchWith: `hawser share watch ${shareId}`,
    async run({ signal, onProgress }) {
      const done = new AbortController();
      const watched = AbortSignal.any([signal, done.signal]);
      void showSteps(client, shareId, watched, onProgress);
      try {
        return await request();
      } finally {
        done.abort();
      }
    },
  };
}

async function showSteps(
  client: HawserClient,
  shareId: string,
  signal: AbortSignal,
  onProgress: Parameters<Wait<unknown>['run']>[0]['onProgress'],
): Promise<void> {
  try {
    while (!signal.aborted) {
      for await (const progress of client.watchShare(shareId, { signal })) onProgress(progress);
      await sleep(250, undefined, { signal });
    }
  } catch {
    // The request itself tells what is wrong; without steps it is only less talkative.
  }
}

const ruleTable = (rules: AccessRule[]): string =>
  table(
    [
      { title: 'ID', value: ({ id }) => id },
      { title: 'TO', value: ({ to }) => to },
      { title: 'LEVEL', value: ({ level }) => level },
      { title: 'STATE', value: ({ state }) => state.replaceAll('_', ' ') },
    ],
    rules,
  );
