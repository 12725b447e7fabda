import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Client, Connection } from '@temporalio/client';
import { backendsOf, type Backend } from '../../activities/backend.js';
import { createActivities } from '../../activities/index.js';
import type { ServiceInstanceView, ShareView, Snapshot } from '../../client/index.js';
import { differences, listResources } from '../../dev/resources.js';
import { openBackend } from '../../worker/backends.js';
import { loadConfig } from '../../worker/config.js';
import type { InstanceHost } from '../../workflows/model.js';
import { benchOf, type Bench } from '../support/activities.js';
import {
  createShare,
  endToEnd,
  hawser as hawserOf,
  pathOf,
  shareNetwork,
  size,
} from '../support/end-to-end.js';

const story = endToEnd();
const hawser = async <T>(line: string) => hawserOf<T>(story, line);

let source: ShareView;
let copy: ShareView;
let instance: InstanceHost;

/** The steps by themselves, with writers held up for a few seconds only. */
let bench: Bench;
let backend: Backend;
let connection: Connection;

beforeAll(async () => {
  const { configPath, temporalAddress } = story.environment;
  const [config] = loadConfig(configPath);
  if (!config) throw new Error(`${configPath} has no backend`);
  backend = openBackend({ ...config, max_time_to_freeze: 5 }, configPath);
  connection = Connection.lazy({ address: temporalAddress });
  bench = benchOf(backend, createActivities(backendsOf([backend]), new Client({ connection })));
});

afterAll(async () => {
  backend?.ssh.close();
  backend?.hostInterface.close();
  await backend?.cloud.session.close();
  await connection?.close();
});

const files = async (share: ShareView): Promise<string[]> =>
  [...(await story.friend.list(pathOf(share))).matchAll(/hawser-was-here-\w+/g)]
    .map(([name]) => name)
    .sort();

const write = async (share: ShareView) => {
  const { written, read } = await story.friend.writeAndRead(pathOf(share), size);
  expect(read).toBe(written);
};

const createFrom = async (id: string, snapshot: string, more = '') => {
  const made = await hawser<ShareView>(
    `share create --id ${id} --from-snapshot ${snapshot} --protocol NFS --share-network ${shareNetwork}${more}`,
  );
  await hawser(`access allow ${id} --to ${story.friend.address} --level rw`);
  return made;
};

const inGuest = async (script: string, ...args: string[]) =>
  (await bench.onHost(instance, script, ...args)).trim();

const uuidOf = async ({ id }: ShareView) =>
  inGuest('findmnt --noheadings --output UUID --mountpoint "$1"', `/shares/share-${id}`);

test('a share has data', async () => {
  source = await createShare(story, 'e2e-source', 'NFS');
  await hawser(`access allow ${source.id} --to ${story.friend.address} --level rw`);
  await write(source);
  const view = await hawser<ServiceInstanceView>(`instance show ${source.serviceInstance}`);
  const server = await story.cloud.compute.getServer(view.serverId ?? '');
  instance = {
    backend: backend.name,
    instanceId: view.id,
    serverId: server.id,
    address: view.address ?? '',
    hostKey: server.metadata['hawser:host_key'] ?? '',
  };
});

test('a snapshot is taken while a client writes, which it does not hurt', async () => {
  const [snapshot] = await Promise.all([
    hawser<Snapshot>(`snapshot create ${source.id} --id first`),
    write(source),
  ]);
  expect(snapshot).toMatchObject({ id: 'first', status: 'available', sizeGib: 1, error: null });
  const inCinder = await story.cloud.blockStorage.getSnapshot(snapshot.volumeSnapshotId ?? '');
  expect(inCinder).toMatchObject({
    name: 'manila-snapshot-first',
    volumeId: source.volumeId,
    metadata: { 'hawser:share_id': source.id, 'hawser:snapshot_id': 'first' },
  });
});

test('a larger share is made from a second one while clients use the source, which goes on changing', async () => {
  const before = await files(source);
  await hawser(`snapshot create ${source.id} --id second`);
  const making = createFrom('e2e-copy', `${source.id}/second`, ' --size 2');
  const over = new AbortController();
  void making.finally(() => over.abort()).catch(() => undefined);
  do {
    await write(source);
    await sleep(500);
  } while (!over.signal.aborted);
  copy = await making;
  expect(copy).toMatchObject({ status: 'available', sizeGib: 2, volumeSizeGib: 2 });
  expect(copy.serviceInstance).toBe(source.serviceInstance);
  expect(await files(copy)).toEqual(before);
  expect((await files(source)).length).toBeGreaterThan(before.length);
});

test('the copy is a file system of its own: another UUID, the size of its share, and clients write to it', async () => {
  expect(await uuidOf(copy)).not.toBe(await uuidOf(source));
  const blocks = 'stat --file-system --format %b*%S "$1"';
  const sizeOf = async ({ id }: ShareView) => {
    const [count = 0, bytes = 0] = (await inGuest(blocks, `/shares/share-${id}`))
      .split('*')
      .map(Number);
    return (count * bytes) / 2 ** 30;
  };
  expect(await sizeOf(copy)).toBeGreaterThan(1.8);
  expect(await sizeOf(source)).toBeLessThan(1);
  await write(copy);
});

test('after a reboot both are mounted as before', async () => {
  const mounted = [await uuidOf(source), await uuidOf(copy)];
  const kept = [await files(source), await files(copy)];
  const bootId = async () => inGuest('cat /proc/sys/kernel/random/boot_id');
  const former = await bootId();
  await story.cloud.compute.rebootServer(instance.serverId, 'HARD');
  const boot = async () => bootId().catch(() => former);
  await expect.poll(boot, { timeout: 400_000, interval: 1000 }).not.toBe(former);
  const seen = async () => [await files(source), await files(copy)];
  await expect.poll(() => seen().catch(String), { timeout: 150_000, interval: 1000 }).toEqual(kept);
  expect([await uuidOf(source), await uuidOf(copy)]).toEqual(mounted);
});

test('writers that nobody lets go on are let go on by the instance itself', async () => {
  const frozen = { host: instance, shareId: source.id, hold: 'e2e' };
  await bench.retried.freezeFileSystem(frozen);
  const began = Date.now();
  await write(source);
  expect(Date.now() - began).toBeGreaterThan(2000);
  expect(await bench.retried.thawFileSystem(frozen)).toEqual({ heldUntilNow: false });
  await bench.retried.freezeFileSystem({ ...frozen, hold: 'again' });
  await bench.retried.freezeFileSystem({ ...frozen, hold: 'again' });
  expect(await bench.retried.thawFileSystem({ ...frozen, hold: 'again' })).toEqual({
    heldUntilNow: true,
  });
  await write(source);
});

test('a snapshot that was made in Cinder is managed, a share is made from it, and it is forgotten', async () => {
  const before = await files(source);
  const { blockStorage } = story.cloud;
  const volumeId = source.volumeId ?? '';
  const { id } = await blockStorage.createSnapshot({ volumeId, name: 'theirs', metadata: {} });
  await expect
    .poll(async () => (await blockStorage.getSnapshot(id)).status, { timeout: 60_000 })
    .toBe('available');
  const managed = await hawser<Snapshot>(
    `snapshot manage ${source.id} --provider-location ${id} --id third`,
  );
  expect(managed).toMatchObject({ status: 'available', sizeGib: 1, volumeSnapshotId: id });
  const third = await createFrom('e2e-third', `${source.id}/third`);
  expect(third).toMatchObject({ sizeGib: 1, volumeSizeGib: 1 });
  expect(await files(third)).toEqual(before);
  await hawser(`share delete ${third.id}`);
  await hawser(`snapshot unmanage ${source.id} third`);
  expect((await blockStorage.getSnapshot(id)).metadata).toEqual({});
  await blockStorage.deleteSnapshot(id);
  await expect.poll(async () => blockStorage.findSnapshot(id), { timeout: 60_000 }).toBeUndefined();
});

test('exports that are renewed again and again, or by many at once, do not keep file systems busy', async () => {
  const exports = new URL('../../activities/scripts/lib/exports.sh', import.meta.url);
  // The kernel lets go of what was exported when the second that it tells is past.
  const secondsAhead = async (work: string) =>
    Number(
      await inGuest(`root=
        ${readFileSync(exports, 'utf8')}
        ${work}
        echo "$(($(</proc/net/rpc/nfsd.export/flush) - EPOCHSECONDS))"`),
    );
  const inTurn = 'for n in {1..6}; do reload_exports; done';
  expect(await secondsAhead(inTurn)).toBeLessThanOrEqual(1);
  const atOnce = 'for n in {1..20}; do reload_exports & done; wait';
  expect(await secondsAhead(atOnce)).toBeLessThanOrEqual(1);
});

test('a share with snapshots is not deleted, and loses nothing by the attempt', async () => {
  const args = ['share', 'delete', source.id, '-o', 'json'];
  const { code, stdout } = await story.environment.hawser(args);
  expect(code).toBe(1);
  const { error } = JSON.parse(stdout) as { error: { type: string; message: string } };
  expect(error.type).toBe('ShareHasSnapshots');
  expect(error.message).toContain('first, second');
  await write(source);
});

test('when everything is deleted the cloud is what it was before', async () => {
  await hawser(`share delete ${copy.id}`);
  for (const id of ['first', 'second']) await hawser(`snapshot delete ${source.id} ${id}`);
  expect(await hawser(`snapshot list ${source.id}`)).toEqual([]);
  await hawser(`share delete ${source.id}`);
  await hawser(`instance delete ${source.serviceInstance}`);
  await story.friend.close();
  await story.stranger.close();
  expect(differences(story.before, await listResources(story.cloud))).toEqual([]);
});
