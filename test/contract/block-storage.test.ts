import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import type { NewVolume, Snapshot, Volume } from '../../openstack/block-storage.js';
import type { Cloud } from '../../openstack/index.js';
import { listAll } from '../../openstack/paging.js';
import {
  connectAs,
  eventually,
  newName,
  rawAs,
  refusal,
  refusalOf,
  undoAfterAll,
  unknownId,
  untilGone,
  valuesUntil,
} from './clouds.js';
import { discardSnapshot, discardVolume } from './discard.js';
import { setQuota } from './quotas.js';
import { makeThrowAwayProject, type ThrowAwayProject } from './throw-away-project.js';

const demo = connectAs('demo');
const admin = connectAs('admin');
const { blockStorage: cinder } = demo;

const later = undoAfterAll();
let throwAway: ThrowAwayProject;
beforeAll(async () => {
  throwAway = await makeThrowAwayProject(admin, later);
});

const statusOf = (id: string) => async () => (await cinder.findVolume(id))?.status;
const snapshotStatusOf = (id: string) => async () => (await cinder.findSnapshot(id))?.status;

async function createVolume(more: Partial<NewVolume> = {}, from: Cloud = demo): Promise<Volume> {
  const spec = { name: newName('volume'), sizeGib: 1, metadata: {}, ...more };
  const volume = await from.blockStorage.createVolume(spec);
  onTestFinished(() => discardVolume(cinder, volume.id));
  return volume;
}

async function availableVolume(more: Partial<NewVolume> = {}): Promise<Volume> {
  const { id } = await createVolume(more);
  await eventually(statusOf(id)).toBe('available');
  return cinder.getVolume(id);
}

async function availableSnapshot(
  volumeId: string,
  metadata: Record<string, string> = {},
): Promise<Snapshot> {
  const name = newName('snapshot');
  const { id } = await cinder.createSnapshot({ volumeId, name, metadata });
  onTestFinished(() => discardSnapshot(cinder, id));
  await eventually(snapshotStatusOf(id)).toBe('available');
  return cinder.getSnapshot(id);
}

describe('microversions', () => {
  test('cover the one that the client asks for, and are named in the answer', async () => {
    const { get } = await rawAs('demo');
    const answer = await get('volume', '/volumes', { 'openstack-api-version': 'volume 3.42' });
    expect(answer.status).toBe(200);
    expect(answer.header('openstack-api-version')).toBe('volume 3.42');
  });

  test('that are too new are refused with 406', async () => {
    const { get } = await rawAs('demo');
    const answer = await get('volume', '/volumes', { 'openstack-api-version': 'volume 3.999' });
    expect(answer.status).toBe(406);
  });
});

describe('a volume', () => {
  test('goes from creating to available, and from deleting to gone', async () => {
    const metadata = { 'hawser:share_id': 'x', 'hawser:backend': 'generic' };
    const made = await createVolume({ name: 'manila-share-x', metadata });
    expect(made).toMatchObject({
      name: 'manila-share-x',
      status: 'creating',
      sizeGib: 1,
      metadata,
    });
    const before = await valuesUntil('available', statusOf(made.id));
    expect(['creating', 'available']).toEqual(expect.arrayContaining(before));
    expect(await cinder.getVolume(made.id)).toMatchObject({ attachments: [], metadata });
    await cinder.deleteVolume(made.id);
    const after = await valuesUntil('gone', statusOf(made.id));
    expect(['deleting', 'gone']).toEqual(expect.arrayContaining(after));
  });

  test('tells when it was created, in UTC without a zone', async () => {
    const { createdAt } = await createVolume();
    expect(createdAt).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+$/);
    expect(Math.abs(Date.parse(`${createdAt}Z`) - Date.now())).toBeLessThan(60_000);
  });

  test('changes its name, and its metadata as a whole', async () => {
    const { id } = await availableVolume({ metadata: { old: '1', same: '1' } });
    const changes = { name: newName('renamed'), metadata: { same: '2' } };
    expect(await cinder.updateVolume(id, changes)).toMatchObject(changes);
    expect(await cinder.getVolume(id)).toMatchObject(changes);
  });

  test('of a name or metadata over 255 characters is refused with 400', async () => {
    const long = 'x'.repeat(256);
    expect(await refusal(createVolume({ name: long }))).toBe('400 badRequest');
    expect(await refusal(createVolume({ metadata: { key: long } }))).toBe('400 badRequest');
    const fitting = 'x'.repeat(255);
    expect(await createVolume({ name: fitting, metadata: { [fitting]: fitting } })).toMatchObject({
      name: fitting,
      metadata: { [fitting]: fitting },
    });
  });

  test('of no size, or of a type, zone or snapshot that there is not, is refused', async () => {
    expect(await refusal(createVolume({ sizeGib: 0 }))).toBe('400 badRequest');
    expect(await refusal(createVolume({ availabilityZone: 'mars' }))).toBe('400 badRequest');
    expect(await refusal(createVolume({ volumeType: 'no-such' }))).toBe('404 itemNotFound');
    expect(await refusal(createVolume({ snapshotId: unknownId }))).toBe('404 itemNotFound');
  });

  test('of an unknown id is answered with 404, and its deletion counts as done', async () => {
    expect(await refusal(cinder.getVolume(unknownId))).toBe('404 itemNotFound');
    expect(await refusal(cinder.extendVolume(unknownId, 2))).toBe('404 itemNotFound');
    await cinder.deleteVolume(unknownId);
  });

  test('of another project is as if it did not exist', async () => {
    const { id, name } = await createVolume({ name: newName('foreign') });
    const { cloud } = throwAway;
    expect(await refusal(cloud.blockStorage.getVolume(id))).toBe('404 itemNotFound');
    expect(await cloud.blockStorage.listVolumes({ name })).toEqual([]);
  });

  test('in error is told from its status, and can be deleted', async () => {
    const { id } = await availableVolume();
    await admin.session.send({
      service: 'volume',
      method: 'POST',
      path: `/volumes/${id}/action`,
      body: { 'os-reset_status': { status: 'error' } },
    });
    expect(await statusOf(id)()).toBe('error');
    await cinder.deleteVolume(id);
    await untilGone(statusOf(id));
  });

  test('that is not free to be deleted is refused with 400', async () => {
    const { id } = await availableVolume();
    const reset = (status: string) =>
      admin.session.send({
        service: 'volume',
        method: 'POST',
        path: `/volumes/${id}/action`,
        body: { 'os-reset_status': { status } },
      });
    onTestFinished(() => reset('available'));
    await reset('extending');
    expect(await refusal(cinder.deleteVolume(id))).toBe('400 badRequest');
  });
});

test('the zone that a volume is in is listed, and a volume can be asked for there', async () => {
  const { availabilityZone } = await availableVolume();
  const zones = await cinder.listAvailabilityZones();
  expect(zones).toContainEqual({ name: availabilityZone, available: true });
  const there = await createVolume({ availabilityZone: availabilityZone ?? '' });
  expect(there.availabilityZone).toBe(availabilityZone);
});

describe('a volume whose extension failed', () => {
  test('is extended again once its status was reset, which takes an administrator', async () => {
    const { id } = await availableVolume();
    await admin.blockStorage.resetVolumeStatus(id, 'error_extending');
    expect(await cinder.getVolume(id)).toMatchObject({ status: 'error_extending', sizeGib: 1 });
    expect(await refusal(cinder.extendVolume(id, 2))).toBe('400 badRequest');
    expect(await refusal(cinder.resetVolumeStatus(id, 'available'))).toBe('403 forbidden');
    await admin.blockStorage.resetVolumeStatus(id, 'available');
    await cinder.extendVolume(id, 2);
    await eventually(async () => (await cinder.getVolume(id)).sizeGib).toBe(2);
    await eventually(statusOf(id)).toBe('available');
  });
});

describe('extending a volume', () => {
  test('goes through extending, and ends available with the new size', async () => {
    const { id } = await availableVolume();
    await cinder.extendVolume(id, 2);
    const seen = await valuesUntil('available', statusOf(id));
    expect(['extending', 'available']).toEqual(expect.arrayContaining(seen));
    expect((await cinder.getVolume(id)).sizeGib).toBe(2);
  });

  test('to no more than it has is refused with 400', async () => {
    const { id } = await availableVolume();
    expect(await refusal(cinder.extendVolume(id, 1))).toBe('400 badRequest');
    expect(await refusal(cinder.extendVolume(id, 0))).toBe('400 badRequest');
    expect((await cinder.getVolume(id)).status).toBe('available');
  });
});

describe('a snapshot', () => {
  test('goes from creating to available, becomes a volume, and goes from deleting to gone', async () => {
    const volume = await availableVolume();
    const metadata = { 'hawser:snapshot_id': 's' };
    const snapshot = await availableSnapshot(volume.id, metadata);
    expect(snapshot).toMatchObject({ volumeId: volume.id, sizeGib: 1, metadata });
    const copy = await availableVolume({ snapshotId: snapshot.id, sizeGib: 2 });
    expect(copy).toMatchObject({ snapshotId: snapshot.id, sizeGib: 2 });
    await discardVolume(cinder, copy.id);
    await cinder.deleteSnapshot(snapshot.id);
    const seen = await valuesUntil('gone', snapshotStatusOf(snapshot.id));
    expect(['deleting', 'gone']).toEqual(expect.arrayContaining(seen));
  });

  test('keeps its volume: deleting that is refused with 400', async () => {
    const volume = await availableVolume();
    await availableSnapshot(volume.id);
    expect(await refusal(cinder.deleteVolume(volume.id))).toBe('400 badRequest');
    expect((await cinder.getVolume(volume.id)).status).toBe('available');
  });

  test('changes its name and keeps its metadata, which changes as a whole', async () => {
    const volume = await availableVolume();
    const { id } = await availableSnapshot(volume.id, { old: '1', same: '1' });
    const name = newName('renamed');
    const metadata = { same: '2', 'hawser:snapshot_id': 's' };
    expect(await cinder.renameSnapshot(id, name)).toMatchObject({ id, name });
    expect((await cinder.getSnapshot(id)).metadata).toEqual({ old: '1', same: '1' });
    await cinder.setSnapshotMetadata(id, metadata);
    const changed = await cinder.getSnapshot(id);
    expect(changed).toMatchObject({ name, status: 'available' });
    expect(changed.metadata).toEqual(metadata);
    const none = cinder.setSnapshotMetadata(unknownId, metadata);
    expect(await refusal(none)).toBe('404 itemNotFound');
    expect(await refusal(cinder.renameSnapshot(unknownId, name))).toBe('404 itemNotFound');
  });

  test('does not fit into a smaller volume: 400', async () => {
    const volume = await availableVolume({ sizeGib: 2 });
    const { id: snapshotId } = await availableSnapshot(volume.id);
    expect(await refusal(createVolume({ snapshotId, sizeGib: 1 }))).toBe('400 badRequest');
  });

  test('of an unknown id is answered with 404, and its deletion counts as done', async () => {
    expect(await refusal(cinder.getSnapshot(unknownId))).toBe('404 itemNotFound');
    const ofNone = { volumeId: unknownId, name: newName('snapshot'), metadata: {} };
    expect(await refusal(cinder.createSnapshot(ofNone))).toBe('404 itemNotFound');
    await cinder.deleteSnapshot(unknownId);
  });
});

const listed = z.object({ id: z.string(), name: z.string() });

describe('a list of volumes', () => {
  /** What the service itself answers: the client would hide what a filter lets through. */
  const list = (query: Record<string, string | number>, from = demo) =>
    listAll(from.session, { service: 'volume', path: '/volumes/detail', query }, 'volumes', listed);
  const ids = (volumes: { id: string }[]) => volumes.map(({ id }) => id).sort();

  test('by name has exactly those, for names are not unique', async () => {
    const name = newName('twin');
    const twins = [await createVolume({ name }), await createVolume({ name })];
    await createVolume({ name: `${name}-longer` });
    expect(ids(await list({ name }))).toEqual(ids(twins));
  });

  test('by metadata has those that have at least that', async () => {
    const key = newName('key');
    const both = await createVolume({ metadata: { [key]: '1', other: 'x' } });
    const one = await createVolume({ metadata: { [key]: '1' } });
    await createVolume({ metadata: { [key]: '2' } });
    const by = (metadata: Record<string, string>) => list({ metadata: JSON.stringify(metadata) });
    expect(ids(await by({ [key]: '1' }))).toEqual(ids([both, one]));
    expect(ids(await by({ [key]: '1', other: 'x' }))).toEqual([both.id]);
    expect(await by({ [key]: '3' })).toEqual([]);
  });

  test("has other projects' only for an administrator who asks for all_tenants", async () => {
    const { id, name } = await createVolume({ name: newName('whose') });
    expect(await list({ name }, admin)).toEqual([]);
    expect(await list({ name, all_tenants: 1 }, demo)).toEqual([{ id, name }]);
    expect(await list({ name, all_tenants: 1 }, admin)).toEqual([{ id, name }]);
  });

  test('comes in pages that link to the next', async () => {
    const name = newName('page');
    const made = [];
    for (let count = 0; count < 3; count += 1) made.push(await createVolume({ name }));
    expect(ids(await list({ name, limit: 1 }))).toEqual(ids(made));
  });
});

test('a list of snapshots by volume and by metadata has those', async () => {
  const volume = await availableVolume();
  const other = await availableVolume();
  const key = newName('key');
  const wanted = await availableSnapshot(volume.id, { [key]: '1' });
  await availableSnapshot(other.id, { [key]: '2' });
  const list = (query: Record<string, string>) =>
    listAll(
      demo.session,
      { service: 'volume', path: '/snapshots/detail', query, microversion: '3.42' },
      'snapshots',
      listed,
    );
  const { id, name } = wanted;
  expect(await list({ volume_id: volume.id })).toEqual([{ id, name }]);
  expect(await list({ metadata: JSON.stringify({ [key]: '1' }) })).toEqual([{ id, name }]);
  expect(await list({ name })).toEqual([{ id, name }]);
});

describe('a quota', () => {
  test('that is used up is refused with 413, the time to wait, and words that name it', async () => {
    const { cloud, projectId } = throwAway;
    await setQuota(admin, { service: 'volume', projectId, limits: { volumes: 0 } });
    const none = await refusalOf(createVolume({}, cloud));
    expect(none).toMatchObject({ status: 413, code: 'overLimit', retryAfterMs: 0 });
    expect(none.reason).toContain('VolumeLimitExceeded: Maximum number of volumes allowed (0)');
    await setQuota(admin, { service: 'volume', projectId, limits: { volumes: 5, gigabytes: 1 } });
    const big = await refusalOf(createVolume({ sizeGib: 2 }, cloud));
    expect(big).toMatchObject({ status: 413, code: 'overLimit', retryAfterMs: 0 });
    expect(big.reason).toContain('VolumeSizeExceedsAvailableQuota');
  });
});
