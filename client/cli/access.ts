import { Option, type Command } from 'commander';
import type { AccessRule } from '../../workflows/model.js';
import { parseAccessSpec, parseRule, type AccessSpec } from '../input.js';
import { withSession, type Session } from './session.js';
import { howToAllow, howToMount, inWords } from './share-output.js';
import { table } from './tables.js';
import { whileWatched } from './while-watched.js';

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
            : ['No access rules.', ...howToAllow(view)].join('\n'),
        );
      }),
    );
}

async function allow(
  { connect, result, waiting }: Session,
  shareId: string,
  spec: AccessSpec,
): Promise<void> {
  // NFS takes all that any share takes; what its own protocol refuses is known when it is found.
  const access = parseAccessSpec('NFS', spec);
  const client = await connect();
  const rule = await waiting({
    what: `Letting ${access.to} in to share ${shareId}`,
    watchWith: `hawser share watch ${shareId}`,
    run: (options) =>
      whileWatched(client, shareId, options, () => client.allowAccess(shareId, access)),
  });
  const view = await client.getShare(shareId);
  const may = rule.level === 'rw' ? 'read and write' : 'read';
  result(rule, () =>
    [
      `${rule.to} may mount share ${shareId} to ${may} (rule ${rule.id}).`,
      ...howToMount(view),
    ].join('\n'),
  );
}

async function deny({ connect, result, waiting }: Session, shareId: string, text: string) {
  const which = parseRule(text);
  const client = await connect();
  const rule = await waiting({
    what: `Taking ${which} away from share ${shareId}`,
    watchWith: `hawser share watch ${shareId}`,
    run: (options) =>
      whileWatched(client, shareId, options, () => client.denyAccess(shareId, which)),
  });
  result(
    rule,
    () => `Rule ${rule.id} is gone: ${rule.to} may not mount share ${shareId} any more.`,
  );
}

const ruleTable = (rules: AccessRule[]): string =>
  table(
    [
      { title: 'ID', value: ({ id }) => id },
      { title: 'TO', value: ({ to }) => to },
      { title: 'LEVEL', value: ({ level }) => level },
      { title: 'STATE', value: ({ state }) => inWords(state) },
    ],
    rules,
  );
