import { beforeAll, expect, test } from 'vitest';
import { simulatedEnvironment } from '../support/simulated-environment.js';

const network = 'demo-net/demo-subnet';
const story = simulatedEnvironment('snapshots');

beforeAll(async () => {
  await json(`share create --id first --protocol NFS --size 2 --share-network ${network}`);
});

const hawser = (line: string) => story.environment.hawser(line.split(' '));

/** Runs a command with -o json, which must succeed and print one document and nothing else. */
async function json(line: string): Promise<unknown> {
  const said = await hawser(`${line} -o json`);
  expect(said.code, said.stdout + said.stderr).toBe(0);
  return JSON.parse(said.stdout);
}

/** What a failing command prints, with its exit code. */
async function failure(line: string): Promise<{ code: number | null; error: object }> {
  const { code, stdout } = await hawser(`${line} -o json`);
  return { code, ...(JSON.parse(stdout) as { error: object }) };
}

test('a snapshot is taken with its steps shown, and how to use it is said', async () => {
  const said = await hawser('snapshot create first --id monday --name backup');
  expect(said.code, said.stderr).toBe(0);
  expect(said.stdout).toMatch(/^Status +available$/m);
  expect(said.stdout).toContain('--from-snapshot first/monday');
  expect(said.stderr).toMatch(/^Taking snapshot monday of share first, [\d.]+ s: done$/m);
});

test('a snapshot has the documented keys in JSON, and is the same when asked for again', async () => {
  const shown = await json('snapshot show first monday');
  expect(Object.keys(shown as object)).toEqual(
    'id name status sizeGib volumeSnapshotId error createdAt'.split(' '),
  );
  expect(shown).toMatchObject({ id: 'monday', name: 'backup', status: 'available', sizeGib: 2 });
  expect(await json('snapshot create first --id monday --name backup')).toEqual(shown);
  expect(await json('snapshot list first')).toEqual([shown]);
  expect((await hawser('snapshot list first')).stdout).toMatch(
    /^monday +backup +available +2 GiB/m,
  );
  expect((await hawser('share show first')).stdout).toMatch(/^Snapshots +monday +\(available\)$/m);
});

test('a share is made from a snapshot, of its size and on its backend unless said otherwise', async () => {
  const create = `share create --id second --from-snapshot first/monday --protocol CIFS --share-network ${network}`;
  const made = await json(`${create} --availability-zone nova`);
  expect(made).toMatchObject({
    status: 'available',
    protocol: 'CIFS',
    sizeGib: 2,
    volumeSizeGib: 2,
    backend: 'generic',
    fromSnapshot: { shareId: 'first', snapshotId: 'monday' },
    availabilityZone: 'nova',
  });
  expect(await json(`${create} --availability-zone nova`)).toEqual(made);
  expect(await failure(create)).toMatchObject({ code: 1, error: { type: 'ShareExists' } });
  const shown = (await hawser('share show second')).stdout;
  expect(shown).toMatch(/^Made from +first\/monday$/m);
  expect(shown).toMatch(/^Zone +nova$/m);
  await json('share delete second');
});

test('a share cannot be made from what is not there, nor in a zone that there is not', async () => {
  const create = `share create --id third --protocol NFS --share-network ${network}`;
  expect(await failure(`${create} --from-snapshot first/friday`)).toMatchObject({
    error: { type: 'SnapshotNotFound' },
  });
  expect(await failure(`${create} --from-snapshot nobody/friday`)).toMatchObject({
    error: { type: 'ShareNotFound' },
  });
  expect(await failure(`${create} --from-snapshot monday`)).toMatchObject({ code: 2 });
  expect(await failure(create)).toMatchObject({
    code: 2,
    error: { message: expect.stringContaining('the size is missing') },
  });
  expect(await failure(`${create} --size 1 --availability-zone mars`)).toMatchObject({
    code: 1,
    error: { type: 'AvailabilityZoneNotFound' },
  });
  await json('share delete third');
});

test('a share with a snapshot is not deleted, and what to do is said', async () => {
  const { code, error } = await failure('share delete first');
  expect(code).toBe(1);
  expect(error).toMatchObject({
    type: 'ShareHasSnapshots',
    message: expect.stringContaining('hawser snapshot delete first SNAPSHOT'),
  });
});

test('a snapshot is unmanaged, and managed again under another id', async () => {
  const { volumeSnapshotId } = (await json('snapshot show first monday')) as {
    volumeSnapshotId: string;
  };
  const said = await hawser('snapshot unmanage first monday');
  expect(said.stdout).toContain(`Cinder keeps it as ${volumeSnapshotId}`);
  expect((await hawser('snapshot list first')).stdout).toContain('hawser snapshot create first');
  expect((await story.cloud.blockStorage.getSnapshot(volumeSnapshotId)).metadata).toEqual({});
  expect(
    await json(`snapshot manage first --provider-location ${volumeSnapshotId} --id tuesday`),
  ).toMatchObject({ id: 'tuesday', status: 'available', volumeSnapshotId });
  expect(await story.cloud.blockStorage.getSnapshot(volumeSnapshotId)).toMatchObject({
    name: 'manila-snapshot-tuesday',
    metadata: { 'hawser:share_id': 'first', 'hawser:snapshot_id': 'tuesday' },
  });
});

test('a snapshot that there is not, and what is no id, are told apart', async () => {
  const unknown = await failure('snapshot show first friday');
  expect(unknown).toMatchObject({ code: 1, error: { type: 'SnapshotNotFound' } });
  const refused = await failure('snapshot delete first friday');
  expect(refused).toMatchObject({ code: 1, error: { type: 'UnknownSnapshot' } });
  const odd = await failure('snapshot create first --id a/b');
  expect(odd).toMatchObject({ code: 2, error: { type: 'InvalidInput' } });
  const noUuid = await failure('snapshot manage first --provider-location nightly');
  expect(noUuid).toMatchObject({ code: 2, error: { type: 'InvalidInput' } });
});

test('a snapshot is deleted, here and in Cinder, and then its share', async () => {
  const said = await hawser('snapshot delete first tuesday');
  expect(said.stdout).toBe('Snapshot tuesday of share first is deleted.\n');
  expect(await story.cloud.blockStorage.listSnapshots()).toEqual([]);
  expect(await json('share delete first')).toMatchObject({ status: 'deleted' });
});
