import { Option, type Command } from 'commander';
import type { AccessLevel, AccessRule } from '../../workflows/model.js';
import { parseAccessSpec, parseLevel, parseRule } from '../input.js';
import { withSession, type Session } from './session.js';
import { howToAllow, howToMount, inWords } from './share-output.js';
import { printable, table } from './tables.js';
import { whileWatched } from './while-watched.js';

interface AllowOptions {
  id?: string;
  to?: string;
  user?: string;
  level: AccessLevel;
}

/** `hawser access …` */
export function addAccessCommands(program: Command): void {
  const access = program.command('access').description('say which clients may mount a share');

  access
    .command('allow <share>')
    .description('let an address or a user in; returns when it may mount')
    .addOption(new Option('--to <IP|CIDR>', 'an IPv4 or IPv6 address or prefix').conflicts('user'))
    .option('--user <name>', "a user of Samba's, on a CIFS share that takes rules for users")
    .addOption(levelOption())
    .option('--id <id>', "the rule's id (default: a random one)")
    .addHelpText(
      'after',
      '\nExamples:\n  $ hawser access allow projects --to 10.0.0.5 --level rw' +
        '\n  $ hawser access allow projects --to 10.0.0.0/24 --level ro' +
        '\n  $ hawser access allow homes --user alice --level rw',
    )
    .action(withSession(allow));

  access
    .command('change <share> <rule>')
    .description('give a rule, named by its id, address or user, another level')
    .addOption(levelOption())
    .action(withSession(change));

  access
    .command('deny <share> <rule>')
    .description(
      'take a rule away, named by its id, address or user; returns when it lets nobody in',
    )
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
  { user, to = '', ...spec }: AllowOptions,
): Promise<void> {
  // A share that takes all that any share takes; what this one refuses is known when it is found.
  const access =
    user === undefined
      ? parseAccessSpec({ protocol: 'NFS', accessBy: 'ip' }, { ...spec, to })
      : parseAccessSpec(
          { protocol: 'CIFS', accessBy: 'user' },
          { ...spec, type: 'user', to: user },
        );
  const client = await connect();
  const rule = await waiting({
    what: `Letting ${access.to} in to share ${shareId}`,
    watchWith: `hawser share watch ${shareId}`,
    run: (options) =>
      whileWatched(client, shareId, options, () => client.allowAccess(shareId, access)),
  });
  const view = await client.getShare(shareId);
  result(rule, () => [mayMount(rule, shareId), ...howToMount(view)].join('\n'));
}

async function change(
  { connect, result, waiting }: Session,
  shareId: string,
  text: string,
  options: { level: AccessLevel },
): Promise<void> {
  const which = parseRule(text);
  const wanted = parseLevel(options.level);
  const client = await connect();
  const rule = await waiting({
    what: `Changing ${which} of share ${shareId} to ${wanted}`,
    watchWith: `hawser share watch ${shareId}`,
    run: (watching) =>
      whileWatched(client, shareId, watching, () => client.changeAccess(shareId, which, wanted)),
  });
  result(rule, () => mayMount(rule, shareId));
}

const mayMount = ({ id, to, level }: AccessRule, shareId: string): string =>
  printable(
    `${to} may mount share ${shareId} to ${level === 'rw' ? 'read and write' : 'read'} (rule ${id}).`,
  );

const levelOption = (): Option =>
  new Option('--level <level>', 'read and write, or read only')
    .choices(['rw', 'ro'])
    .makeOptionMandatory();

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
