import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { listResources } from '../../dev/resources.js';
import {
  failureOf,
  startActivityRig,
  type ActivityRig,
  type Bench,
} from '../support/activities.js';

let rig: ActivityRig;
let bench: Bench;
let ref: { backend: string; shareId: string };
let next = 0;

beforeAll(async () => {
  rig = await startActivityRig();
  bench = await rig.addBackend();
});
afterAll(() => rig?.stop());

beforeEach(() => {
  next += 1;
  ref = { backend: bench.backend, shareId: `share-${next}` };
});
afterEach(async () => {
  await rig.devcloud.reset();
  for (const { id, status } of await volumes()) {
    if (status.startsWith('error')) await reset(id, 'available');
  }
  await bench.retried.deleteVolume(ref);
});

const volumes = async () =>
  (await rig.operator.blockStorage.listVolumes()).filter(
    ({ metadata }) => metadata['hawser:share_id'] === ref.shareId,
  );

async function reset(id: string, status: string): Promise<void> {
  const { cinder } = await rig.devcloud.as('hawser');
  await cinder('POST', `/volumes/${id}/action`, { 'os-reset_status': { status } });
}

describe("a share's volume", () => {
  test('is made once, however often it is asked for', async () => {
    const first = await bench.steps.ensureVolume({ ...ref, sizeGib: 2 });
    expect(await bench.steps.ensureVolume({ ...ref, sizeGib: 2 })).toEqual(first);
    expect(await volumes()).toMatchObject([
      {
        id: first.volumeId,
        name: `manila-share-${ref.shareId}`,
        status: 'available',
        sizeGib: 2,
        metadata: { 'hawser:share_id': ref.shareId, 'hawser:backend': bench.backend },
      },
    ]);
    expect(await bench.steps.findVolume(ref)).toEqual(first);
  });

  test('is found again after the answer to its creation was lost', async () => {
    await rig.planFault({ operation: 'volume.create' }, { reset: true, after: true });
    expect(await failureOf(bench.steps.ensureVolume({ ...ref, sizeGib: 1 }))).toMatchObject({
      type: 'CloudUnreachable',
      nonRetryable: false,
    });
    const [left] = await volumes();
    expect(await bench.steps.ensureVolume({ ...ref, sizeGib: 1 })).toMatchObject({
      volumeId: left?.id,
    });
    expect(await volumes()).toHaveLength(1);
  });

  test('loses its twins: the oldest is kept', async () => {
    const { volumeId } = await bench.steps.ensureVolume({ ...ref, sizeGib: 1 });
    const { name, metadata } = await rig.operator.blockStorage.getVolume(volumeId);
    const twin = await rig.operator.blockStorage.createVolume({ name, metadata, sizeGib: 1 });
    await expect
      .poll(async () => (await volumes()).map(({ status }) => status))
      .toEqual(['available', 'available']);
    expect(await bench.retried.ensureVolume({ ...ref, sizeGib: 1 })).toMatchObject({ volumeId });
    await expect.poll(async () => (await volumes()).map(({ id }) => id)).not.toContain(twin.id);
    expect(await volumes()).toMatchObject([{ id: volumeId, status: 'available' }]);
  });

  test('loses also a twin that cannot be deleted yet, by an attempt soon after', async () => {
    const { volumeId } = await bench.steps.ensureVolume({ ...ref, sizeGib: 1 });
    const { name, metadata } = await rig.operator.blockStorage.getVolume(volumeId);
    await rig.operator.blockStorage.createVolume({ name, metadata, sizeGib: 1 });
    await rig.planFault({ operation: 'volume.delete' }, { status: 400 });
    expect(await failureOf(bench.steps.ensureVolume({ ...ref, sizeGib: 1 }))).toMatchObject({
      type: 'CloudBusy',
      nonRetryable: false,
    });
    expect(await bench.retried.ensureVolume({ ...ref, sizeGib: 1 })).toMatchObject({ volumeId });
    await expect.poll(async () => (await volumes()).map(({ id }) => id)).toEqual([volumeId]);
  });

  test('of another size is refused and left alone', async () => {
    const { volumeId } = await bench.steps.ensureVolume({ ...ref, sizeGib: 1 });
    const failure = await failureOf(bench.steps.ensureVolume({ ...ref, sizeGib: 3 }));
    expect(failure).toMatchObject({ type: 'VolumeFailed', nonRetryable: true });
    expect(failure.message).toContain(volumeId);
    expect(await volumes()).toMatchObject([{ id: volumeId, sizeGib: 1, status: 'available' }]);
  });

  test('that goes to error fails for good', async () => {
    await rig.planFault({ operation: 'volume.create' }, { outcome: 'ERROR' });
    const failure = await failureOf(bench.steps.ensureVolume({ ...ref, sizeGib: 1 }));
    expect(failure).toMatchObject({ type: 'VolumeFailed', nonRetryable: true });
    const [volume] = await volumes();
    expect(volume?.status).toBe('error');
    expect(failure.message).toContain(volume?.id);
    await bench.steps.deleteVolume(ref);
    expect(await volumes()).toEqual([]);
  });

  test('beyond the quota fails for good and is not made', async () => {
    const failure = await failureOf(bench.steps.ensureVolume({ ...ref, sizeGib: 100_000 }));
    expect(failure).toMatchObject({ type: 'QuotaExceeded', nonRetryable: true });
    expect(await volumes()).toEqual([]);
  });

  test('goes with its twins, and twice is harmless; that of another share stays', async () => {
    const other = { ...ref, shareId: `${ref.shareId}0` };
    const kept = await bench.steps.ensureVolume({ ...other, sizeGib: 1 });
    const { volumeId } = await bench.steps.ensureVolume({ ...ref, sizeGib: 1 });
    const { name, metadata } = await rig.operator.blockStorage.getVolume(volumeId);
    await rig.operator.blockStorage.createVolume({ name, metadata, sizeGib: 1 });
    await bench.steps.deleteVolume(ref);
    expect((await listResources(rig.operator)).volumes).toMatchObject([{ id: kept.volumeId }]);
    await bench.steps.deleteVolume(ref);
    expect(await bench.steps.findVolume(ref)).toBeUndefined();
    await bench.steps.deleteVolume(other);
  });

  test('that has snapshots in Cinder stays, and the failure names them', async () => {
    const { volumeId } = await bench.steps.ensureVolume({ ...ref, sizeGib: 1 });
    const { blockStorage } = rig.operator;
    const { id } = await blockStorage.createSnapshot({ volumeId, name: 'theirs', metadata: {} });
    await expect.poll(async () => (await blockStorage.getSnapshot(id)).status).toBe('available');
    const failure = await failureOf(bench.steps.deleteVolume(ref));
    expect(failure).toMatchObject({ type: 'VolumeFailed', nonRetryable: true });
    expect(failure.message).toContain(id);
    await blockStorage.deleteSnapshot(id);
    await expect.poll(() => blockStorage.findSnapshot(id)).toBeUndefined();
    await bench.steps.deleteVolume(ref);
  });

  test('that Cinder fails to delete fails for good, until its state is reset', async () => {
    const { volumeId } = await bench.steps.ensureVolume({ ...ref, sizeGib: 1 });
    await rig.planFault({ operation: 'volume.delete', target: volumeId }, { outcome: 'ERROR' });
    const failure = await failureOf(bench.steps.deleteVolume(ref));
    expect(failure).toMatchObject({ type: 'VolumeFailed', nonRetryable: true });
    expect(failure.message).toContain(`${volumeId} of share ${ref.shareId} went to error_deleting`);
    await reset(volumeId, 'available');
    await bench.steps.deleteVolume(ref);
    expect(await volumes()).toEqual([]);
  });
});

describe('a larger volume', () => {
  const extend = (volumeId: string, sizeGib: number, at = bench) =>
    at.steps.extendVolume({ ...ref, backend: at.backend, volumeId, sizeGib });
  const make = () => bench.steps.ensureVolume({ ...ref, sizeGib: 1 });
  const settle = () => bench.steps.settleVolume(ref);

  test('is made once, and a repeat changes nothing', async () => {
    const { volumeId } = await make();
    const larger = { volumeId, volumeSizeGib: 3 };
    expect(await extend(volumeId, 3)).toEqual(larger);
    expect(await extend(volumeId, 3)).toEqual(larger);
    expect(await extend(volumeId, 2)).toEqual(larger);
    expect(await settle()).toEqual(larger);
    expect(await volumes()).toMatchObject([{ status: 'available', sizeGib: 3 }]);
  });

  test('is waited for by an attempt that finds it under way', async () => {
    const { volumeId } = await make();
    await rig.planFault({ operation: 'volume.extend' }, { reset: true, after: true });
    expect(await failureOf(extend(volumeId, 2))).toMatchObject({ type: 'CloudUnreachable' });
    expect(await extend(volumeId, 2)).toEqual({ volumeId, volumeSizeGib: 2 });
  });

  test('beyond the quota fails for good, and the volume is as it was', async () => {
    const { volumeId } = await make();
    const failure = await failureOf(extend(volumeId, 100_000));
    expect(failure).toMatchObject({ type: 'QuotaExceeded', nonRetryable: true });
    expect(await settle()).toEqual({ volumeId, volumeSizeGib: 1 });
  });

  test('that Cinder fails to make fails for good, and is taken back', async () => {
    const { volumeId } = await make();
    await rig.planFault({ operation: 'volume.extend', target: volumeId }, { outcome: 'ERROR' });
    const failure = await failureOf(extend(volumeId, 2));
    expect(failure).toMatchObject({ type: 'VolumeFailed', nonRetryable: true });
    expect(failure.message).toContain(
      `${volumeId} of share ${ref.shareId} went to error_extending`,
    );
    expect(await settle()).toEqual({ volumeId, volumeSizeGib: 1 });
    expect(await settle()).toEqual({ volumeId, volumeSizeGib: 1 });
    expect(await extend(volumeId, 2)).toEqual({ volumeId, volumeSizeGib: 2 });
  });

  test('that this account may not take back fails with what an administrator types', async () => {
    const { volumeId } = await make();
    await reset(volumeId, 'error_extending');
    await rig.planFault(
      { path: `/volumes/${volumeId}/action`, body: 'os-reset_status' },
      { status: 403, body: { forbidden: { code: 403, message: 'Policy does not allow' } } },
    );
    const failure = await failureOf(settle());
    expect(failure).toMatchObject({ type: 'VolumeFailed', nonRetryable: true });
    expect(failure.message).toContain(`openstack volume set --state available ${volumeId}`);
  });

  test('that takes too long fails, and its volume is waited for', async () => {
    const { volumeId } = await make();
    const hasty = await rig.addBackend({ max_time_to_extend_volume: 1 });
    await reset(volumeId, 'extending');
    const failure = await failureOf(extend(volumeId, 2, hasty));
    expect(failure).toMatchObject({ type: 'VolumeFailed', nonRetryable: true });
    expect(failure.message).toContain('still extending after 1 s');
    const settled = settle();
    await reset(volumeId, 'available');
    expect(await settled).toEqual({ volumeId, volumeSizeGib: 1 });
  });

  test('that comes back as small as it was fails with both sizes', async () => {
    const { volumeId } = await make();
    await reset(volumeId, 'extending');
    const extended = failureOf(extend(volumeId, 2));
    await reset(volumeId, 'available');
    expect((await extended).message).toMatch(/at 1 GiB instead of 2/);
  });

  test('of a share that has none fails for good', async () => {
    const failure = await failureOf(settle());
    expect(failure).toMatchObject({ type: 'VolumeFailed', nonRetryable: true });
    expect(failure.message).toContain(`Share ${ref.shareId} has no volume`);
  });
});
