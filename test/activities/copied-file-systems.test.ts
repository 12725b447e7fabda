import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { newLocation } from '../../activities/share-paths.js';
import type { InstanceHost } from '../../workflows/model.js';
import {
  attachShare,
  bootInstance,
  failureOf,
  leaveResizeAtWork,
  startActivityRig,
  type ActivityRig,
  type Bench,
} from '../support/activities.js';

let rig: ActivityRig;
let bench: Bench;
let host: InstanceHost;
let next = 0;

/** A share of 2 GiB with a file, and a volume made from its snapshot, both on the same instance. */
let source: OnHost;
let copy: OnHost;

interface OnHost {
  host: InstanceHost;
  shareId: string;
  volumeId: string;
}

beforeAll(async () => {
  rig = await startActivityRig();
  ({ bench, host } = await bootInstance(rig));
});
afterAll(() => rig?.stop());

beforeEach(async () => {
  next += 1;
  source = await makeSource(`source-${next}`, bench);
  copy = await makeCopy(source, `copy-${next}`, 3);
});

async function makeSource(shareId: string, on: Bench): Promise<OnHost> {
  const there = { ...host, backend: on.backend };
  const { volumeId } = await bench.steps.ensureVolume({ ...bench, shareId, sizeGib: 2 });
  await bench.steps.attachVolume({ ...bench, serverId: host.serverId, volumeId });
  const share = { host: there, shareId, volumeId };
  await on.steps.formatVolume(share);
  await on.steps.mountShare(share);
  await bench.onHost(host, 'echo old >"$r$1/file"', pathOf(share));
  return share;
}

async function makeCopy(
  { shareId: from, volumeId: ofVolume }: OnHost,
  shareId: string,
  sizeGib: number,
): Promise<OnHost> {
  const { backend } = bench;
  const ref = { backend, shareId: from, snapshotId: 's' };
  const made = await bench.steps.ensureVolumeSnapshot({ ...ref, volumeId: ofVolume });
  const { volumeId } = await bench.steps.ensureVolume({ backend, shareId, sizeGib, ...made });
  await bench.steps.attachVolume({ backend, serverId: host.serverId, volumeId });
  return { host, shareId, volumeId };
}

const pathOf = ({ shareId }: { shareId: string }) => newLocation(bench.options, shareId).path;
const serial = ({ volumeId }: OnHost) => volumeId.slice(0, 20);

/** What stands in the superblock, by tune2fs's names, without what each written file changes. */
async function superblock(share: OnHost): Promise<Record<string, string>> {
  const script = 'tune2fs -l "$r/dev/disk/by-id/virtio-$1"';
  const lines = (await bench.onHost(host, script, serial(share))).split('\n');
  const { 'Free blocks': _changes, ...facts } = Object.fromEntries(
    lines.map((line) => /^([^:]+):\s*(.*)$/.exec(line)?.slice(1) ?? [line, '']),
  ) as Record<string, string>;
  return facts;
}

const gibOf = ({ 'Block count': blocks }: Record<string, string>) =>
  (Number(blocks) * 4096) / 2 ** 30;

const readFile = (share: OnHost) => bench.onHost(host, 'cat "$r$1/file"', pathOf(share));

test('a copy becomes a file system of its own, of the size of the share, with the files of the snapshot', async () => {
  const before = await superblock(source);
  expect((await superblock(copy))['Filesystem UUID']).toBe(before['Filesystem UUID']);

  await bench.onHost(host, 'echo new >"$r$1/file"', pathOf(source));
  const location = await bench.steps.renewFileSystem({ ...copy, sizeGib: 3 });
  expect(location).toEqual({
    volumeId: copy.volumeId,
    path: pathOf(copy),
    exportName: `share-${copy.shareId}`,
    fileSystem: 'ext4',
  });
  const after = await superblock(copy);
  expect(after['Filesystem UUID']).not.toBe(before['Filesystem UUID']);
  expect(gibOf(after)).toBe(3);
  expect(after['Reserved block count']).toBe('0');

  await bench.steps.mountShare({ ...copy, location });
  expect(await readFile(copy)).toBe('old\n');
  expect(await readFile(source)).toBe('new\n');
  expect(await superblock(source)).toEqual(before);

  expect(await bench.steps.renewFileSystem({ ...copy, sizeGib: 3 })).toEqual(location);
  expect(await superblock(copy)).toEqual(after);
});

test('a copy of a larger file system is made smaller', async () => {
  await bench.steps.renewFileSystem({ ...copy, sizeGib: 1 });
  expect(gibOf(await superblock(copy))).toBe(1);
  await bench.steps.mountShare(copy);
  expect(await readFile(copy)).toBe('old\n');
});

test('a copy whose files do not fit is refused, with the size that they need, and keeps them', async () => {
  const device = '"$r/dev/disk/by-id/virtio-$1"';
  await bench.onHost(
    host,
    `mkdir -p "$r/mnt/byhand" && mount ${device} "$r/mnt/byhand"`,
    serial(copy),
  );
  const root = (await bench.onHost(host, 'echo "$r"')).trim();
  // Takes room at once, without a byte being written.
  await promisify(execFile)('fallocate', ['--length', '1100MiB', `${root}/mnt/byhand/big`]);
  await bench.onHost(host, 'umount "$r/mnt/byhand" && rmdir "$r/mnt/byhand"');

  const before = await superblock(copy);
  const failure = await failureOf(bench.steps.renewFileSystem({ ...copy, sizeGib: 1 }));
  expect(failure).toMatchObject({ type: 'SnapshotNotUsable', nonRetryable: true });
  expect(failure.message).toContain('need 2 GiB');
  const { 'Filesystem UUID': former, ...rest } = before;
  const { 'Filesystem UUID': own, ...kept } = await superblock(copy);
  expect(kept).toEqual(rest);
  expect(own).not.toBe(former);
  await bench.steps.renewFileSystem({ ...copy, sizeGib: 2 });
});

test('a boot mounts the source, and not a copy that still has its UUID, whichever device comes first', async () => {
  const serverId = host.serverId;
  await bench.onHost(host, 'umount "$r$1"', pathOf(source));
  for (const { volumeId } of [source, copy]) {
    await bench.steps.detachVolume({ ...bench, serverId, volumeId });
  }
  for (const { volumeId } of [copy, source]) {
    await bench.steps.attachVolume({ ...bench, serverId, volumeId });
  }
  await bench.onHost(host, 'mount -a');
  const mounted = await bench.onHost(
    host,
    '[[ $(findmnt -no SOURCE "$r$1") -ef "$r/dev/disk/by-id/virtio-$2" ]] && echo source',
    pathOf(source),
    serial(source),
  );
  expect(mounted).toBe('source\n');
  await bench.steps.renewFileSystem({ ...copy, sizeGib: 3 });
});

test('a renewal that was cut off is waited for by a repeat', async () => {
  const atWork = await leaveResizeAtWork(bench, host, copy.volumeId);
  expect(await atWork()).toBe(true);
  await bench.steps.renewFileSystem({ ...copy, sizeGib: 3 });
  expect(await atWork()).toBe(false);
});

test('a copy that is mounted is left alone, and where it is mounted is said', async () => {
  const device = '"$r/dev/disk/by-id/virtio-$1"';
  await bench.onHost(host, `mkdir -p "$r/mnt/odd" && mount ${device} "$r/mnt/odd"`, serial(copy));
  const failure = await failureOf(bench.steps.renewFileSystem({ ...copy, sizeGib: 3 }));
  expect(failure).toMatchObject({ type: 'CommandFailed', nonRetryable: false });
  expect(failure.message).toContain('/mnt/odd');
  await bench.onHost(host, 'umount "$r/mnt/odd"');
  await bench.steps.renewFileSystem({ ...copy, sizeGib: 3 });
});

test('a snapshot without a file system is refused', async () => {
  const blank = { host, ...(await attachShare(bench, host, `blank-${next}`)) };
  const failure = await failureOf(bench.steps.renewFileSystem({ ...blank, sizeGib: 1 }));
  expect(failure).toMatchObject({ type: 'SnapshotNotUsable', nonRetryable: true });
  expect(failure.message).toContain('no ext3 or ext4');
});

test('a copy of ext3 stays ext3 whatever new shares have, and keeps the room for root that is wanted', async () => {
  const old = await rig.addBackend({ share_volume_fstype: 'ext3' });
  const ext3 = await makeSource(`old-${next}`, old);
  const made = await makeCopy(ext3, `made-${next}`, 2);
  const careful = await rig.addBackend({ set_zero_reserved_blocks: false });
  const there = { ...made, host: { ...host, backend: careful.backend } };
  const location = await careful.steps.renewFileSystem({ ...there, sizeGib: 2 });
  expect(location.fileSystem).toBe('ext3');
  const { 'Block count': blocks, 'Reserved block count': kept } = await superblock(made);
  expect(Number(kept)).toBe(Math.floor(Number(blocks) / 20));
  await careful.steps.mountShare({ ...there, location });
  const fstab = await bench.onHost(host, 'cat "$r/etc/fstab"');
  expect(fstab).toMatch(new RegExp(`${pathOf(made)} ext3 .*x-hawser.share=${made.shareId} `));
});
