import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  failureOf,
  startActivityRig,
  type ActivityRig,
  type Bench,
} from '../support/activities.js';

let rig: ActivityRig;
let bench: Bench;
let ref: { backend: string; shareId: string; snapshotId: string };
let volumeId: string;
let next = 0;

beforeAll(async () => {
  rig = await startActivityRig();
  bench = await rig.addBackend();
});
afterAll(() => rig?.stop());

beforeEach(async () => {
  next += 1;
  ref = { backend: bench.backend, shareId: `share-${next}`, snapshotId: `snap-${next}` };
  ({ volumeId } = await bench.steps.ensureVolume({ ...ref, sizeGib: 2 }));
});
afterEach(async () => {
  await rig.devcloud.reset();
  for (const { id, status } of await snapshots()) {
    if (status.startsWith('error')) await reset(id, 'available');
  }
  await bench.retried.deleteVolumeSnapshot(ref);
});

const cinder = () => rig.operator.blockStorage;
const snapshots = () => cinder().listSnapshots({ volumeId });
const take = () => bench.steps.ensureVolumeSnapshot({ ...ref, volumeId });

async function reset(id: string, status: string): Promise<void> {
  const { cinder: send } = await rig.devcloud.as('hawser');
  await send('POST', `/snapshots/${id}/action`, { 'os-reset_status': { status } });
}

/** One that somebody made in Cinder. */
async function foreign(metadata: Record<string, string> = { theirs: '1' }): Promise<string> {
  const { id } = await cinder().createSnapshot({ volumeId, name: 'theirs', metadata });
  await expect.poll(async () => (await cinder().getSnapshot(id)).status).toBe('available');
  return id;
}

describe("a share's snapshot", () => {
  test('is taken once, however often it is asked for, and bears its marks', async () => {
    const made = await take();
    expect(await take()).toEqual(made);
    expect(await snapshots()).toMatchObject([
      {
        id: made.volumeSnapshotId,
        name: `manila-snapshot-${ref.snapshotId}`,
        status: 'available',
        sizeGib: 2,
        metadata: {
          'hawser:share_id': ref.shareId,
          'hawser:snapshot_id': ref.snapshotId,
          'hawser:backend': bench.backend,
        },
      },
    ]);
  });

  test('is found again after the answer to its creation was lost', async () => {
    await rig.planFault({ operation: 'snapshot.create' }, { reset: true, after: true });
    expect(await failureOf(take())).toMatchObject({
      type: 'CloudUnreachable',
      nonRetryable: false,
    });
    const [left] = await snapshots();
    expect(await take()).toEqual({ volumeSnapshotId: left?.id });
    expect(await snapshots()).toHaveLength(1);
  });

  test('is named as the backend says', async () => {
    const other = await rig.addBackend({ volume_snapshot_name_template: 'nightly-%s-x' });
    const there = { ...ref, backend: other.backend };
    await other.steps.ensureVolumeSnapshot({ ...there, volumeId });
    expect(await snapshots()).toMatchObject([{ name: `nightly-${ref.snapshotId}-x` }]);
    await other.steps.deleteVolumeSnapshot(there);
  });

  test('that goes to error fails for good, and is deleted', async () => {
    await rig.planFault({ operation: 'snapshot.create' }, { outcome: 'ERROR' });
    const failure = await failureOf(take());
    expect(failure).toMatchObject({ type: 'SnapshotFailed', nonRetryable: true });
    const [left] = await snapshots();
    expect(failure.message).toContain(left?.id);
    await bench.steps.deleteVolumeSnapshot(ref);
    expect(await snapshots()).toEqual([]);
  });

  test('goes with its twins, and twice is harmless; that of another share stays', async () => {
    await take();
    const { name, metadata } = (await snapshots())[0] ?? { name: '', metadata: {} };
    await cinder().createSnapshot({ volumeId, name, metadata });
    const other = { ...ref, shareId: 'another' };
    const kept = await bench.steps.ensureVolumeSnapshot({ ...other, volumeId });
    await bench.steps.deleteVolumeSnapshot(ref);
    await bench.steps.deleteVolumeSnapshot(ref);
    expect(await snapshots()).toMatchObject([{ id: kept.volumeSnapshotId }]);
    await bench.steps.deleteVolumeSnapshot(other);
  });

  test('that was deleted in Cinder counts as deleted', async () => {
    const { volumeSnapshotId } = await take();
    await cinder().deleteSnapshot(volumeSnapshotId);
    await expect.poll(snapshots).toEqual([]);
    await bench.steps.deleteVolumeSnapshot(ref);
  });

  test('that Cinder fails to delete fails for good, until its state is reset', async () => {
    const { volumeSnapshotId: target } = await take();
    await rig.planFault({ operation: 'snapshot.delete', target }, { outcome: 'ERROR' });
    const failure = await failureOf(bench.steps.deleteVolumeSnapshot(ref));
    expect(failure).toMatchObject({ type: 'SnapshotFailed', nonRetryable: true });
    expect(failure.message).toContain(`${target} of share ${ref.shareId} went to error_deleting`);
    await reset(target, 'available');
    await bench.steps.deleteVolumeSnapshot(ref);
    expect(await snapshots()).toEqual([]);
  });

  test('is deleted while there is a volume that was made from it', async () => {
    const { volumeSnapshotId: snapshotId } = await take();
    const { id } = await cinder().createVolume({
      name: 'copy',
      sizeGib: 2,
      metadata: {},
      snapshotId,
    });
    await expect.poll(async () => (await cinder().getVolume(id)).status).toBe('available');
    await bench.steps.deleteVolumeSnapshot(ref);
    expect(await snapshots()).toEqual([]);
    expect(await cinder().getVolume(id)).toMatchObject({ status: 'available' });
    await cinder().deleteVolume(id);
  });
});

describe('the beginning of a new share', () => {
  test('is found by its mark, with the size that its volume has', async () => {
    const { volumeSnapshotId } = await take();
    expect(await bench.steps.findVolumeSnapshot(ref)).toEqual({
      volumeSnapshotId,
      volumeSizeGib: 2,
    });
  });

  test('that is not there is said to be so, with where to look', async () => {
    const failure = await failureOf(bench.steps.findVolumeSnapshot(ref));
    expect(failure).toMatchObject({ type: 'SnapshotNotFound', nonRetryable: true });
    expect(failure.message).toContain(`hawser snapshot list ${ref.shareId}`);
  });

  test('on another backend, or out of order, is refused', async () => {
    const { volumeSnapshotId } = await take();
    const other = await rig.addBackend();
    const elsewhere = await failureOf(
      other.steps.findVolumeSnapshot({ ...ref, backend: other.backend }),
    );
    expect(elsewhere).toMatchObject({ type: 'SnapshotNotUsable', nonRetryable: true });
    expect(elsewhere.message).toContain(`is on backend ${bench.backend}`);
    await reset(volumeSnapshotId, 'error');
    const failure = await failureOf(bench.steps.findVolumeSnapshot(ref));
    expect(failure).toMatchObject({ type: 'SnapshotNotUsable' });
    expect(failure.message).toContain('error');
  });
});

describe('a snapshot made in Cinder', () => {
  test('is looked at, marked and renamed, and a repeat changes nothing', async () => {
    const managed = { ...ref, volumeSnapshotId: await foreign() };
    expect(await bench.steps.inspectVolumeSnapshot({ ...managed, volumeId })).toEqual({
      name: 'theirs',
      sizeGib: 2,
    });
    for (const round of ['first', 'second']) {
      await bench.steps.markVolumeSnapshot(managed);
      expect(await snapshots(), round).toMatchObject([
        {
          name: `manila-snapshot-${ref.snapshotId}`,
          metadata: { theirs: '1', 'hawser:snapshot_id': ref.snapshotId },
        },
      ]);
    }
    expect(await bench.steps.inspectVolumeSnapshot({ ...managed, volumeId })).toBeTruthy();
    expect(await bench.steps.findVolumeSnapshot(ref)).toMatchObject({ volumeSizeGib: 2 });
  });

  test('loses its marks when it is unmanaged, and with a name gets it back; twice is harmless', async () => {
    const managed = { ...ref, volumeSnapshotId: await foreign() };
    await bench.steps.markVolumeSnapshot(managed);
    await bench.steps.unmarkVolumeSnapshot({ ...managed, name: 'theirs' });
    await bench.steps.unmarkVolumeSnapshot({ ...managed, name: 'never' });
    expect(await snapshots()).toMatchObject([{ name: 'theirs' }]);
    expect((await snapshots())[0]?.metadata).toEqual({ theirs: '1' });
    await bench.steps.deleteVolumeSnapshot(ref);
    expect(await snapshots()).toHaveLength(1);
    await cinder().deleteSnapshot(managed.volumeSnapshotId);
    await expect.poll(snapshots).toEqual([]);
    await bench.steps.unmarkVolumeSnapshot(managed);
  });

  test('is refused when it is of another volume, managed already, out of order or unknown', async () => {
    const id = await foreign();
    const inspect = async (more: object = {}) =>
      failureOf(
        bench.steps.inspectVolumeSnapshot({ ...ref, volumeId, volumeSnapshotId: id, ...more }),
      );
    const other = await inspect({ volumeId: 'another' });
    expect(other).toMatchObject({ type: 'SnapshotNotUsable', nonRetryable: true });
    expect(other.message).toContain(`is of volume ${volumeId}`);

    await bench.steps.markVolumeSnapshot({ ...ref, volumeSnapshotId: id });
    const taken = await inspect({ snapshotId: 'second' });
    expect(taken).toMatchObject({ type: 'SnapshotNotUsable' });
    expect(taken.message).toContain(`snapshot ${ref.snapshotId} of share ${ref.shareId}`);

    await reset(id, 'error');
    expect((await inspect()).message).toContain('error');
    const unknown = { volumeSnapshotId: '00000000-0000-0000-0000-000000000000' };
    expect(await inspect(unknown)).toMatchObject({ type: 'SnapshotNotFound', nonRetryable: true });
  });
});
