import { open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import {
  pick,
  startTestCloud,
  until,
  untilGone,
  type Answer,
  type Speaker,
  type TestCloud,
} from './test-cloud.js';

let cloud: TestCloud;
let demo: Speaker;
let admin: Speaker;

beforeAll(async () => {
  cloud = await startTestCloud();
  [demo, admin] = await Promise.all([cloud.as('demo'), cloud.as('admin')]);
});

afterAll(async () => {
  await cloud?.remove();
});

afterEach(async () => {
  await cloud.reset();
});

const create = (volume: object): Promise<Answer> =>
  demo.cinder('POST', '/volumes', { volume: { size: 1, ...volume } });
const show = (id: string) => demo.cinder('GET', `/volumes/${id}`);
const act = (id: string, action: object) => demo.cinder('POST', `/volumes/${id}/action`, action);
const remove = async (id: string) => {
  expect((await demo.cinder('DELETE', `/volumes/${id}`)).status).toBe(202);
  await untilGone(() => show(id));
};

async function available(volume: object = {}): Promise<string> {
  const id = pick(await create(volume), 'volume.id');
  await until(() => show(id), 'volume.status', 'available');
  return id;
}

async function snapshotOf(volumeId: string, more: object = {}): Promise<string> {
  const made = await demo.cinder('POST', '/snapshots', {
    snapshot: { volume_id: volumeId, ...more },
  });
  const id = pick(made, 'snapshot.id');
  await until(() => demo.cinder('GET', `/snapshots/${id}`), 'snapshot.status', 'available');
  return id;
}

async function runningServer(): Promise<string> {
  const image = pick(await demo.glance('GET', '/v2/images'), 'images.0.id');
  const made = await demo.nova('POST', '/servers', {
    server: { name: 'box', imageRef: image, flavorRef: '100', networks: 'none' },
  });
  const id = pick(made, 'server.id');
  await until(() => demo.nova('GET', `/servers/${id}`), 'server.status', 'ACTIVE');
  return id;
}

const attachments = (server: string) => `/servers/${server}/os-volume_attachments`;
const attach = (server: string, volumeId: string) =>
  demo.nova('POST', attachments(server), { volumeAttachment: { volumeId } });

describe('a volume', () => {
  test('is a file of its size, from creating to available to gone', async () => {
    const created = await create({ name: 'disk', metadata: { a: 'b' } });
    expect(created.status).toBe(202);
    expect(created.body).toMatchObject({
      volume: { status: 'creating', size: 1, name: 'disk', metadata: { a: 'b' }, attachments: [] },
    });
    const id = pick(created, 'volume.id');
    await until(() => show(id), 'volume.status', 'available');
    const file = join(cloud.stateDir, 'volumes', `${id}.raw`);
    expect(await stat(file)).toMatchObject({ size: 2 ** 30, blocks: 0 });
    await remove(id);
    await expect(stat(file)).rejects.toThrow('ENOENT');
    expect((await show(id)).body).toEqual({
      itemNotFound: { code: 404, message: `Volume ${id} could not be found.` },
    });
  });

  test('grows, but never shrinks', async () => {
    await cloud.slow('volume.extend');
    const id = await available();
    const refused = await act(id, { 'os-extend': { new_size: 1 } });
    expect(refused.status).toBe(400);
    expect(pick(refused, 'badRequest.message')).toBe(
      'Invalid input received: New size for extend must be greater than current size. (current: 1, extended: 1).',
    );
    expect((await act(id, { 'os-extend': { new_size: 3 } })).status).toBe(202);
    expect(pick(await show(id), 'volume.status')).toBe('extending');
    await until(() => show(id), 'volume.status', 'available');
    expect((await show(id)).body).toMatchObject({ volume: { size: 3 } });
    await remove(id);
  });

  test('goes back to its latest snapshot, and no other', async () => {
    const id = await available();
    const [older, latest] = [await snapshotOf(id), await snapshotOf(id)];
    expect((await act(id, { revert: { snapshot_id: older } })).status).toBe(400);
    expect((await act(id, { revert: { snapshot_id: latest } })).status).toBe(202);
    await until(() => show(id), 'volume.status', 'available');
    expect((await demo.cinder('DELETE', `/volumes/${id}?cascade=true`)).status).toBe(202);
    await untilGone(() => show(id));
    await untilGone(() => demo.cinder('GET', `/snapshots/${older}`));
  });

  test('with snapshots is not deleted without them', async () => {
    const id = await available();
    const snapshot = await snapshotOf(id, { name: 's', metadata: { k: 'v' } });
    const refused = await demo.cinder('DELETE', `/volumes/${id}`);
    expect(refused.status).toBe(400);
    expect(pick(refused, 'badRequest.message')).toMatch(/^Invalid volume: .*have snapshots/);
    const found = await demo.cinder('GET', '/snapshots/detail?metadata={"k":"v"}');
    expect(found.body).toMatchObject({ snapshots: [{ id: snapshot, name: 's', size: 1 }] });
    await demo.cinder('DELETE', `/snapshots/${snapshot}`);
    await untilGone(() => demo.cinder('GET', `/snapshots/${snapshot}`));
    await remove(id);
  });

  test('made from a snapshot is at least as large', async () => {
    const id = await available({ size: 2 });
    const snapshot = await snapshotOf(id);
    const refused = await create({ snapshot_id: snapshot, size: 1 });
    expect(refused.status).toBe(400);
    expect(pick(refused, 'badRequest.message')).toContain('cannot be smaller than the snapshot');
    const copy = await available({ snapshot_id: snapshot, size: null });
    expect((await show(copy)).body).toMatchObject({ volume: { size: 2, snapshot_id: snapshot } });
    await demo.cinder('DELETE', `/snapshots/${snapshot}`);
    await untilGone(() => demo.cinder('GET', `/snapshots/${snapshot}`));
    await remove(id);
    await remove(copy);
  });

  test('can be found by name and metadata, in the notation of JSON and of Python', async () => {
    const id = await available({ name: 'x y', metadata: { 'a:b': 'c' } });
    await available({ name: 'other' });
    for (const query of [
      'name=x%20y',
      'metadata={"a:b":"c"}',
      "metadata={'a:b': 'c'}",
      'status=available&name=x%20y',
    ]) {
      const found = await demo.cinder('GET', `/volumes/detail?${query}`);
      expect(found.body).toMatchObject({ volumes: [{ id }] });
    }
    expect((await demo.cinder('GET', '/volumes/detail?metadata={"a:b":"d"}')).body).toEqual({
      volumes: [],
    });
    expect((await admin.cinder('GET', '/volumes?name=x%20y')).body).toEqual({ volumes: [] });
    expect((await admin.cinder('GET', '/volumes?name=x%20y&all_tenants=1')).body).toMatchObject({
      volumes: [{ id }],
    });
    expect((await (await cloud.as('demo')).cinder('GET', `/volumes/${id}`)).status).toBe(200);
    for (const row of JSON.parse((await demo.cinder('GET', '/volumes')).text).volumes) {
      await remove(String(row.id));
    }
  });

  test.each([
    [{ size: 0 }, 'size'],
    [{ size: -1 }, 'size'],
    [{ size: 1.5 }, 'size'],
    [{ size: 'big' }, 'size'],
    [{ size: null }, 'Invalid volume size provided'],
    [{ metadata: { a: 1 } }, 'a'],
  ])('is refused with %j', async (volume, named) => {
    const refused = await create(volume);
    expect(refused.status).toBe(400);
    expect(pick(refused, 'badRequest.message')).toContain(named);
  });

  test('is refused over quota, with 413 as Cinder has it', async () => {
    const set = (limits: object) =>
      cloud.control('PUT', '/quotas', { project: 'demo', service: 'volume', limits });
    await set({ gigabytes: 5 });
    const tooMuch = await create({ size: 6 });
    expect(tooMuch.status).toBe(413);
    expect(tooMuch.headers['retry-after']).toBe('0');
    expect(tooMuch.body).toEqual({
      overLimit: {
        code: 413,
        message:
          'VolumeSizeExceedsAvailableQuota: Requested volume or snapshot exceeds allowed gigabytes quota. Requested 6G, quota is 5G and 0G has been consumed.',
        retryAfter: '0',
      },
    });
    await set({ gigabytes: 1000, volumes: 0 });
    expect(pick(await create({}), 'overLimit.message')).toBe(
      "VolumeLimitExceeded: Maximum number of volumes allowed (0) exceeded for quota 'volumes'.",
    );
    await set({ volumes: 10 });
    const sets = await admin.cinder('GET', `/os-quota-sets/${demo.projectId}?usage=True`);
    expect(sets.body).toMatchObject({ quota_set: { volumes: { limit: 10, in_use: 0 } } });
  });
});

describe('an attached volume', () => {
  test('is reserved, in use, detached; and says by whom', async () => {
    await cloud.slow('volume.attach');
    await cloud.slow('volume.detach');
    const [server, volume] = [await runningServer(), await available()];
    const attached = await attach(server, volume);
    expect(attached.body).toMatchObject({
      volumeAttachment: { id: volume, volumeId: volume, serverId: server, device: '/dev/vdb' },
    });
    expect(['reserved', 'attaching']).toContain(pick(await show(volume), 'volume.status'));
    await until(() => show(volume), 'volume.status', 'in-use');
    expect((await show(volume)).body).toMatchObject({
      volume: { attachments: [{ server_id: server, device: '/dev/vdb' }] },
    });
    const shown = await demo.nova('GET', `${attachments(server)}/${volume}`, undefined, {
      'openstack-api-version': 'compute 2.89',
    });
    expect(shown.body).toHaveProperty('volumeAttachment.bdm_uuid');
    expect(shown.body).not.toHaveProperty('volumeAttachment.id');

    expect((await demo.nova('DELETE', `${attachments(server)}/${volume}`)).status).toBe(202);
    expect(pick(await show(volume), 'volume.status')).toBe('detaching');
    await until(() => show(volume), 'volume.status', 'available');
    await untilGone(() => demo.nova('GET', `${attachments(server)}/${volume}`));
    const again = await demo.nova('DELETE', `${attachments(server)}/${volume}`);
    expect(again.status).toBe(404);
    expect(pick(again, 'itemNotFound.message')).toBe(
      `Instance ${server} is not attached to volume ${volume}`,
    );
    await demo.nova('DELETE', `/servers/${server}`);
    await remove(volume);
  });

  test('is not deleted, not attached twice, and can grow only since 3.42', async () => {
    const [server, volume] = [await runningServer(), await available()];
    await attach(server, volume);
    await until(() => show(volume), 'volume.status', 'in-use');
    expect((await demo.cinder('DELETE', `/volumes/${volume}`)).status).toBe(400);
    const twice = await attach(server, volume);
    expect(twice.status).toBe(400);
    expect(pick(twice, 'badRequest.message')).toBe(
      `Invalid volume: volume ${volume} is already attached to instances: ${server}`,
    );
    const grow = (version: string) =>
      demo.cinder(
        'POST',
        `/volumes/${volume}/action`,
        { 'os-extend': { new_size: 2 } },
        { 'openstack-api-version': `volume ${version}` },
      );
    expect((await grow('3.41')).status).toBe(400);
    expect((await grow('3.42')).status).toBe(202);
    await until(() => show(volume), 'volume.status', 'in-use');
    expect((await show(volume)).body).toMatchObject({ volume: { size: 2 } });
    const plain = await demo.cinder('POST', '/snapshots', { snapshot: { volume_id: volume } });
    expect(plain.status).toBe(400);
    const forced = await snapshotOf(volume, { force: true });
    await demo.cinder('DELETE', `/snapshots/${forced}`);
    await untilGone(() => demo.cinder('GET', `/snapshots/${forced}`));
    await demo.nova('DELETE', `/servers/${server}`);
    await until(() => show(volume), 'volume.status', 'available');
    await remove(volume);
  });

  test('is refused to a server that is not ready', async () => {
    const volume = await available();
    const server = await runningServer();
    await demo.nova('POST', `/servers/${server}/action`, { 'os-stop': null });
    const refused = await attach(server, volume);
    expect(refused.status).toBe(409);
    expect(pick(refused, 'conflictingRequest.message')).toContain("Cannot 'attach_volume'");
    expect(pick(await show(volume), 'volume.status')).toBe('available');
    await demo.nova('DELETE', `/servers/${server}`);
    await remove(volume);
  });

  test('names devices past the alphabet', async () => {
    await cloud.control('PUT', '/quotas', {
      project: 'demo',
      service: 'volume',
      limits: { volumes: 30 },
    });
    const server = await runningServer();
    const volumes = await Promise.all(Array.from({ length: 26 }, () => available()));
    const devices: string[] = [];
    for (const volume of volumes) {
      devices.push(pick(await attach(server, volume), 'volumeAttachment.device'));
    }
    expect(devices.slice(23)).toEqual(['/dev/vdy', '/dev/vdz', '/dev/vdaa']);
    await demo.nova('DELETE', `/servers/${server}`);
    for (const volume of volumes) {
      await until(() => show(volume), 'volume.status', 'available');
      await remove(volume);
    }
  });

  test('can be reserved and completed by the attachments API alone', async () => {
    const volume = await available();
    const made = await demo.cinder('POST', '/attachments', {
      attachment: { volume_uuid: volume, instance_uuid: volume },
    });
    const id = pick(made, 'attachment.id');
    expect(pick(made, 'attachment.status')).toBe('reserved');
    expect(
      (await demo.cinder('POST', '/attachments', { attachment: { volume_uuid: volume } })).status,
    ).toBe(400);
    await demo.cinder('PUT', `/attachments/${id}`, { attachment: { connector: { host: 'h' } } });
    expect(pick(await show(volume), 'volume.status')).toBe('attaching');
    await demo.cinder('POST', `/attachments/${id}/action`, { 'os-complete': {} });
    expect(pick(await show(volume), 'volume.status')).toBe('in-use');
    await demo.cinder('DELETE', `/attachments/${id}`);
    expect(pick(await show(volume), 'volume.status')).toBe('available');
    await remove(volume);
  });
});

describe('planned trouble', () => {
  const plan = (operation: string, effect: object) =>
    cloud.control('POST', '/faults', { match: { operation }, effect });

  test('puts a volume into error, and into error_deleting', async () => {
    await plan('volume.create', { outcome: 'ERROR' });
    const id = pick(await create({}), 'volume.id');
    await until(() => show(id), 'volume.status', 'error');
    await plan('volume.delete', { outcome: 'ERROR' });
    await demo.cinder('DELETE', `/volumes/${id}`);
    await until(() => show(id), 'volume.status', 'error_deleting');
    expect((await demo.cinder('DELETE', `/volumes/${id}`)).status).toBe(400);
    expect((await act(id, { 'os-force_delete': {} })).status).toBe(403);
    const forced = await admin.cinder('POST', `/volumes/${id}/action`, { 'os-force_delete': {} });
    expect(forced.status).toBe(202);
    await untilGone(() => show(id));
  });

  test('makes a volume that has a file system already', async () => {
    await plan('volume.create', { dirtyVolume: true });
    const id = await available();
    const file = await open(join(cloud.stateDir, 'volumes', `${id}.raw`));
    const { buffer } = await file.read(Buffer.alloc(2), 0, 2, 1024 + 56);
    await file.close();
    expect(buffer.readUInt16LE(), 'the magic number of ext4').toBe(0xef53);
    await remove(id);
  });

  test('refuses an attachment, and gives the volume back', async () => {
    const [server, volume] = [await runningServer(), await available()];
    await plan('volume.attach', { outcome: 'ERROR' });
    await attach(server, volume);
    await until(() => show(volume), 'volume.status', 'available');
    expect((await demo.nova('GET', attachments(server))).body).toEqual({ volumeAttachments: [] });
    await demo.nova('DELETE', `/servers/${server}`);
    await remove(volume);
  });
});
