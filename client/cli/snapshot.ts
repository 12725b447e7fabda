import type { Command } from 'commander';
import type { Snapshot } from '../../workflows/model.js';
import {
  parseExistingSnapshot,
  parseSnapshotId,
  parseSnapshotSpec,
  type ExistingSnapshot,
  type SnapshotSpec,
} from '../input.js';
import { retryInWords, withRetry } from './retry-output.js';
import { withSession, type Session } from './session.js';
import { inWords } from './share-output.js';
import { list, table } from './tables.js';
import { ago } from './time.js';
import { whileWatched } from './while-watched.js';

/** `hawser snapshot …` */
export function addSnapshotCommands(program: Command): void {
  const snapshot = program
    .command('snapshot')
    .description('take, look at and delete snapshots of shares');

  snapshot
    .command('create <share>')
    .description('take a snapshot of a share; returns when it is there')
    .option(
      '--id <id>',
      'its id, and what makes a repeated command harmless (default: a random one)',
    )
    .option('--name <name>', 'a name for people (default: none)')
    .addHelpText(
      'after',
      '\nExamples:\n  $ hawser snapshot create projects --id before-cleanup' +
        '\n  $ hawser share create --from-snapshot projects/before-cleanup --protocol NFS --share-network demo-net',
    )
    .action(withSession(create));

  snapshot
    .command('list <share>')
    .description("list a share's snapshots, oldest first")
    .action(withSession(listSnapshots));

  snapshot
    .command('show <share> <snapshot>')
    .description('show one snapshot')
    .action(
      withSession(async ({ connect, result }, shareId: string, id: string) => {
        const client = await connect();
        const found = await client.getSnapshot(shareId, id);
        result(found, () => describeSnapshot(shareId, found));
      }),
    );

  snapshot
    .command('delete <share> <snapshot>')
    .description('delete a snapshot; shares that were made from it stay')
    .action(withSession(remove));

  snapshot
    .command('manage <share>')
    .description("take over a snapshot of the share's volume that is in Cinder already")
    .requiredOption('--provider-location <id>', "the snapshot's id in Cinder")
    .option('--id <id>', 'its id here (default: a random one)')
    .option('--name <name>', 'a name for people (default: none)')
    .action(withSession(manage));

  snapshot
    .command('unmanage <share> <snapshot>')
    .description('forget a snapshot; it stays in Cinder')
    .action(withSession(unmanage));
}

async function create(session: Session, shareId: string, spec: SnapshotSpec): Promise<void> {
  const asked = parseSnapshotSpec(spec);
  const client = await session.connect();
  const made = await session.waiting({
    what: `Taking snapshot ${asked.id} of share ${shareId}`,
    watchWith: `hawser share watch ${shareId}`,
    run: (options) =>
      whileWatched(client, shareId, options, () => client.createSnapshot(shareId, asked)),
  });
  session.result(made, () => describeSnapshot(shareId, made));
}

async function listSnapshots({ connect, result }: Session, shareId: string): Promise<void> {
  const client = await connect();
  const snapshots = await client.listSnapshots(shareId);
  result(snapshots, () =>
    snapshots.length > 0
      ? snapshotTable(snapshots)
      : `No snapshots. Take one with: hawser snapshot create ${shareId}`,
  );
}

async function remove(session: Session, shareId: string, text: string): Promise<void> {
  const id = parseSnapshotId(text);
  const client = await session.connect();
  const gone = await session.waiting({
    what: `Deleting snapshot ${id} of share ${shareId}`,
    watchWith: `hawser share watch ${shareId}`,
    run: (options) =>
      whileWatched(client, shareId, options, () => client.deleteSnapshot(shareId, id)),
  });
  session.result(gone, () => `Snapshot ${id} of share ${shareId} is deleted.`);
}

async function manage(session: Session, shareId: string, spec: ExistingSnapshot): Promise<void> {
  const { id, name } = parseExistingSnapshot(spec);
  const client = await session.connect();
  const managed = await session.waiting({
    what: `Managing snapshot ${id} of share ${shareId}`,
    watchWith: `hawser share watch ${shareId}`,
    run: (options) =>
      whileWatched(client, shareId, options, () =>
        client.manageSnapshot(shareId, { ...spec, id, name }),
      ),
  });
  session.result(managed, () => describeSnapshot(shareId, managed));
}

async function unmanage({ connect, result }: Session, shareId: string, text: string) {
  const id = parseSnapshotId(text);
  const client = await connect();
  const forgotten = await client.unmanageSnapshot(shareId, id);
  result(
    forgotten,
    () =>
      `Snapshot ${id} of share ${shareId} is forgotten; Cinder keeps it as ${forgotten.volumeSnapshotId}.`,
  );
}

function describeSnapshot(shareId: string, snapshot: Snapshot): string {
  const facts = list([
    ['Snapshot', snapshot.id],
    ['Name', ...(snapshot.name ? [snapshot.name] : [])],
    ['Share', shareId],
    ['Status', inWords(snapshot.status)],
    ['Problem', ...(snapshot.error ? [snapshot.error.message] : [])],
    ['Retry', ...retryInWords(snapshot.retry)],
    ['Size', `${snapshot.sizeGib} GiB`],
    ['In Cinder', snapshot.volumeSnapshotId ?? 'not yet'],
    ['Created', `${ago(snapshot.createdAt)} (${snapshot.createdAt})`],
  ]);
  if (snapshot.status !== 'available') return facts;
  const from = `hawser share create --from-snapshot ${shareId}/${snapshot.id} --protocol NFS --share-network NET`;
  return [facts, '', 'Make a share with its files:', `  ${from}`].join('\n');
}

const snapshotTable = (snapshots: Snapshot[]): string =>
  table(
    [
      { title: 'ID', value: ({ id }) => id },
      ...(snapshots.some(({ name }) => name !== '')
        ? [{ title: 'NAME', value: ({ name }: Snapshot) => name }]
        : []),
      { title: 'STATUS', value: (one) => inWords(withRetry(one)) },
      { title: 'SIZE', value: ({ sizeGib }) => `${sizeGib} GiB` },
      { title: 'CREATED', value: ({ createdAt }) => ago(createdAt) },
    ],
    snapshots,
  );
