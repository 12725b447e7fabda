import { InvalidArgumentError, type Command } from 'commander';
import type { Protocol, ShareStatus, SnapshotRef } from '../../workflows/model.js';
import { parseShareFilter, parseShareSpec, parseSize, type ShareSpec } from '../input.js';
import { addEnsureCommand } from './ensure.js';
import { addManagingCommands } from './share-managing.js';
import { withSession, type Session } from './session.js';
import { whileWatched } from './while-watched.js';
import { describeShare, shareJson, shareTable } from './share-output.js';

interface CreateOptions extends Omit<ShareSpec, 'sizeGib'> {
  size?: number;
  wait: boolean;
}

interface ListOptions {
  status?: ShareStatus;
  protocol?: Protocol;
  backend?: string;
  instance?: string;
}

/** `hawser share …` */
export function addShareCommands(program: Command): void {
  const share = program.command('share').description('create, look at, resize and delete shares');

  share
    .command('create')
    .description('create a share; with the same --id again, return the same share')
    .requiredOption('--protocol <NFS|CIFS>', 'how clients mount it', toProtocol)
    .option(
      '--size <GiB>',
      "a whole number from 1 (with --from-snapshot: the snapshot's)",
      toNumber,
    )
    .option(
      '--share-network <NET[/SUBNET]>',
      'the network of its clients: names or ids in OpenStack; left out on a backend with one server for all',
    )
    .option(
      '--id <id>',
      'its id, and what makes a repeated command harmless (default: a random one)',
    )
    .option('--name <name>', 'a name for people (default: none)')
    .option(
      '--backend <name>',
      "which backend of hawser.yaml (default: generic, or the snapshot's)",
    )
    .option(
      '--from-snapshot <SHARE/SNAPSHOT>',
      'begin with the files of a snapshot, on the same backend (default: empty)',
      toSnapshot,
    )
    .option('--availability-zone <name>', "where Cinder puts its volume (default: the backend's)")
    .option('--no-wait', 'return at once, while it is being created')
    .addHelpText(
      'after',
      examples(
        'hawser share create --protocol NFS --size 10 --share-network demo-net/demo-subnet',
        'hawser share create --id projects --protocol CIFS --size 1 --share-network demo-net',
        'hawser share create --from-snapshot projects/monday --protocol CIFS --share-network demo-net',
      ),
    )
    .action(withSession(create));

  share
    .command('show <id>')
    .description('show one share, with the commands to mount it')
    .action(
      withSession(async ({ connect, result }, id: string) => {
        const client = await connect();
        const view = await client.getShare(id);
        result(shareJson(view), () => describeShare(view));
      }),
    );

  share
    .command('list')
    .description('list the shares, oldest first')
    .option('--status <status>', 'only those of this status, for instance available or error')
    .option('--protocol <NFS|CIFS>', 'only those of this protocol', toProtocol)
    .option('--backend <name>', 'only those of this backend')
    .option('--instance <id>', 'only those on this service instance')
    .action(withSession(listShares));

  share
    .command('watch <id>')
    .description('show what runs on a share until nothing does, then the share')
    .action(
      withSession(async ({ connect, result, waiting }, id: string) => {
        const client = await connect();
        const view = await waiting({
          what: `Share ${id}`,
          watchWith: `hawser share watch ${id}`,
          run: (options) => client.waitForShare(id, options),
        });
        result(shareJson(view), () => describeShare(view));
      }),
    );

  share
    .command('extend <id>')
    .description('make a share larger; its clients are without it for a moment')
    .requiredOption('--size <GiB>', 'its new size, a whole number', toNumber)
    .action(withSession(changeSize('Extending', 'extendShare')));

  share
    .command('shrink <id>')
    .description(
      'make a share smaller, when its data fits; its clients are without it for a moment',
    )
    .requiredOption('--size <GiB>', 'its new size, a whole number', toNumber)
    .action(withSession(changeSize('Shrinking', 'shrinkShare')));

  share
    .command('delete <id>')
    .description('delete a share and everything in it')
    .option('--no-wait', 'return at once, while it is being deleted')
    .action(withSession(deleteShare));

  addEnsureCommand(share);
  addManagingCommands(share);
}

async function create(session: Session, { size, wait, ...spec }: CreateOptions): Promise<void> {
  const { connect, result, waiting } = session;
  const asked = { ...spec, ...(size !== undefined && { sizeGib: size }) };
  const early = asked.fromSnapshot ? undefined : parseShareSpec(asked);
  const client = await connect();
  const request = early ?? (await client.completeShareSpec(asked));
  const { id } = request;
  if (!wait) {
    const view = await client.createShare(request);
    const next = `See how it goes on with: hawser share watch ${id}`;
    return result(shareJson(view), () => `${describeShare(view)}\n\n${next}`);
  }
  const view = await waiting({
    what: `Creating share ${id}`,
    watchWith: `hawser share watch ${id}`,
    async run(options) {
      await whileWatched(client, id, options, () => client.createShare(request));
      return client.waitForShare(id, options);
    },
  });
  result(shareJson(view), () => describeShare(view));
}

async function listShares({ connect, result }: Session, options: ListOptions): Promise<void> {
  const { instance, ...rest } = options;
  const filter = parseShareFilter({ ...rest, serviceInstance: instance });
  const client = await connect();
  const views = await client.listShares(filter);
  result(views.map(shareJson), () =>
    views.length > 0
      ? shareTable(views)
      : 'No shares. Create one with: hawser share create --protocol NFS --size 1 --share-network NET',
  );
}

const changeSize =
  (doing: 'Extending' | 'Shrinking', call: 'extendShare' | 'shrinkShare') =>
  async ({ connect, result, waiting }: Session, id: string, { size }: { size: number }) => {
    const sizeGib = parseSize(size);
    const client = await connect();
    const view = await waiting({
      what: `${doing} share ${id} to ${sizeGib} GiB`,
      watchWith: `hawser share watch ${id}`,
      run: (options) => whileWatched(client, id, options, () => client[call](id, sizeGib)),
    });
    result(shareJson(view), () => describeShare(view));
  };

async function deleteShare(
  { connect, result, waiting }: Session,
  id: string,
  { wait }: { wait: boolean },
): Promise<void> {
  const client = await connect();
  if (!wait) {
    const view = await client.deleteShare(id);
    const next = `See how it goes on with: hawser share watch ${id}`;
    return result(shareJson(view), () => `Share ${id} is being deleted. ${next}`);
  }
  const view = await waiting({
    what: `Deleting share ${id}`,
    watchWith: `hawser share watch ${id}`,
    async run(options) {
      const deleting = await whileWatched(client, id, options, () => client.deleteShare(id));
      await client.waitUntilDeleted(id, options);
      return deleting;
    },
  });
  const deleted = { status: 'deleted', serviceInstance: null, operation: null } as const;
  const gone = { ...view, ...deleted, exportLocations: [], accessRules: [] };
  result(shareJson(gone), () => `Share ${id} is deleted.`);
}

function toNumber(text: string): number {
  if (/^-?\d+(\.\d+)?$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Use a whole number of GiB, for instance 10.');
}

function toSnapshot(text: string): SnapshotRef {
  const [shareId = '', snapshotId = '', ...rest] = text.split('/');
  if (shareId && snapshotId && rest.length === 0) return { shareId, snapshotId };
  throw new InvalidArgumentError('Use the form SHARE/SNAPSHOT, for instance projects/monday.');
}

/** Any case is understood here; what is neither is refused by the client, with the reason. */
const toProtocol = (text: string): string => text.toUpperCase();

const examples = (...lines: string[]): string =>
  `\nExamples:\n${lines.map((line) => `  $ ${line}`).join('\n')}`;
