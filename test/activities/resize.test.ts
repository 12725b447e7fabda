import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { InstanceHost } from '../../workflows/model.js';
import {
  bootInstance,
  failureOf,
  leaveResizeAtWork,
  mountShare,
  startActivityRig,
  type ActivityRig,
  type Bench,
} from '../support/activities.js';

const GIB = 2 ** 30;

let rig: ActivityRig;
let bench: Bench;
let host: InstanceHost;
let on: { host: InstanceHost; shareId: string; volumeId: string };
let next = 0;

beforeAll(async () => {
  rig = await startActivityRig();
  ({ bench, host } = await bootInstance(rig));
});
afterAll(() => rig?.stop());

beforeEach(async () => {
  next += 1;
  const shareId = `s${next}`;
  await mountShare(bench, host, shareId);
  const { volumeId } = await bench.steps.settleVolume({ backend: bench.backend, shareId });
  on = { host, shareId, volumeId };
});

const serial = () => on.volumeId.slice(0, 20);
const path = () => `${bench.options.share_mount_path}/share-${on.shareId}`;

/** In bytes, by the superblock. */
async function fileSystemSize(): Promise<number> {
  const script = 'dumpe2fs -h "$r/dev/disk/by-id/virtio-$1" 2>/dev/null';
  const [, blocks] =
    /^Block count: +(\d+)$/m.exec(await bench.onHost(host, script, serial())) ?? [];
  return Number(blocks) * 4096;
}

const write = (mib: number) =>
  bench.onHost(
    host,
    'head --bytes "$2" /dev/urandom >"$r$1/data"; sha256sum <"$r$1/data"',
    path(),
    String(mib * 2 ** 20),
  );
const checksum = () => bench.onHost(host, 'sha256sum <"$r$1/data"', path());

async function growVolume(sizeGib: number): Promise<void> {
  const { backend } = bench;
  const attachment = { backend, serverId: host.serverId, volumeId: on.volumeId };
  await bench.steps.detachVolume(attachment);
  await bench.steps.extendVolume({ backend, ...on, sizeGib });
  await bench.steps.attachVolume(attachment);
}

const resize = (sizeGib: number) => bench.retried.resizeFileSystem({ ...on, sizeGib });

test('a file system follows its volume and goes back, with its files, and twice is harmless', async () => {
  const data = await write(3);
  await bench.steps.unmountShare(on);
  await growVolume(2);
  for (const sizeGib of [2, 2, 1, 1]) {
    await resize(sizeGib);
    expect(await fileSystemSize()).toBe(sizeGib * GIB);
  }
  await bench.steps.mountShare(on);
  expect(await checksum()).toBe(data);
});

test('a file system whose errors the check puts right is resized', async () => {
  await bench.steps.unmountShare(on);
  await growVolume(2);
  const device = '"$r/dev/disk/by-id/virtio-$1"';
  await bench.onHost(host, `tune2fs -E force_fsck ${device}`, serial());
  const checked = await bench.onHost(
    host,
    `e2fsck -p ${device} >/dev/null || echo "$?"; tune2fs -E force_fsck ${device} >/dev/null`,
    serial(),
  );
  expect(checked).toBe('1\n');
  await bench.steps.resizeFileSystem({ ...on, sizeGib: 2 });
  expect(await fileSystemSize()).toBe(2 * GIB);
});

test('an ext3 file system is resized as an ext4 one', async () => {
  const ext3 = await rig.addBackend({ share_volume_fstype: 'ext3' });
  const shareId = `${on.shareId}-ext3`;
  const there = { ...host, backend: ext3.backend };
  await mountShare(ext3, there, shareId);
  const { volumeId } = await ext3.steps.settleVolume({ backend: ext3.backend, shareId });
  on = { host: there, shareId, volumeId };
  await ext3.steps.unmountShare(on);
  await growVolume(2);
  await ext3.steps.resizeFileSystem({ ...on, sizeGib: 2 });
  expect(await fileSystemSize()).toBe(2 * GIB);
  expect((await ext3.steps.mountShare(on)).fileSystem).toBe('ext3');
});

test('a file system is not made smaller than its data, and nothing is moved', async () => {
  await bench.steps.unmountShare(on);
  await growVolume(2);
  await resize(2);
  await bench.steps.mountShare(on);
  await bench.onHost(host, 'head --bytes 1050M /dev/zero >"$r$1/data"', path());
  await bench.steps.unmountShare(on);
  const failure = await failureOf(bench.steps.resizeFileSystem({ ...on, sizeGib: 1 }));
  expect(failure).toMatchObject({ type: 'ShrinkingPossibleDataLoss', nonRetryable: true });
  expect(failure.message).toContain('needs at least 2 GiB');
  expect(await fileSystemSize()).toBe(2 * GIB);
  await bench.steps.mountShare(on);
  await bench.onHost(host, 'rm "$r$1/data"', path());
  await bench.steps.unmountShare(on);
  await resize(1);
  expect(await fileSystemSize()).toBe(GIB);
});

test('a mounted file system is left alone', async () => {
  const failure = await failureOf(bench.steps.resizeFileSystem({ ...on, sizeGib: 1 }));
  expect(failure).toMatchObject({ type: 'CommandFailed', nonRetryable: false });
  expect(failure.message).toContain('is mounted');
});

test('a device that is too small for the size, or not there, fails and says so', async () => {
  await bench.steps.unmountShare(on);
  const failure = await failureOf(bench.steps.resizeFileSystem({ ...on, sizeGib: 2 }));
  expect(failure.type).toBe('CommandFailed');
  expect(failure.message).toContain('You requested a new size');
  expect(await fileSystemSize()).toBe(GIB);
  const hasty = await rig.addBackend({ max_time_to_attach: 1 });
  const elsewhere = { ...on, host: { ...host, backend: hasty.backend }, volumeId: 'f'.repeat(36) };
  expect(await failureOf(hasty.steps.resizeFileSystem({ ...elsewhere, sizeGib: 1 }))).toMatchObject(
    { type: 'DeviceNotFound', nonRetryable: true },
  );
});

describe('what is used', () => {
  test('is told of the mounted file system, in bytes', async () => {
    const empty = await bench.steps.measureShare(on);
    expect(empty?.sizeBytes).toBe(GIB);
    expect(empty?.overheadBytes).toBeGreaterThan(0);
    expect(empty?.overheadBytes).toBeLessThan(GIB / 10);
    await write(8);
    const full = await bench.steps.measureShare(on);
    const more = (full?.usedBytes ?? 0) - (empty?.usedBytes ?? 0);
    expect(more).toBeGreaterThanOrEqual(8 * 2 ** 20);
    expect(more).toBeLessThan(9 * 2 ** 20);
  });

  test('is not known of one that is not mounted', async () => {
    await bench.steps.unmountShare(on);
    expect(await bench.steps.measureShare(on)).toBeNull();
  });
});

test('a resize that was cut off is waited for, by a repeat and before mounting', async () => {
  await bench.steps.unmountShare(on);
  for (const step of [() => resize(1), () => bench.steps.mountShare(on)]) {
    const atWork = await leaveResizeAtWork(bench, host, on.volumeId);
    expect(await atWork()).toBe(true);
    await step();
    expect(await atWork()).toBe(false);
  }
});
