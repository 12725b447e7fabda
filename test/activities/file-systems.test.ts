import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { deviceSerial, newLocation } from '../../activities/share-paths.js';
import type { InstanceHost } from '../../workflows/model.js';
import {
  attachShare,
  bootInstance,
  failureOf,
  startActivityRig,
  type ActivityRig,
  type Bench,
} from '../support/activities.js';

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
  on = await newShare();
});
afterEach(() => rig.devcloud.reset());

async function newShare() {
  next += 1;
  return { host, ...(await attachShare(bench, host, `s${next}`)) };
}

const path = ({ shareId } = on) => newLocation(bench.options, shareId).path;

/** What blkid finds on the volume: `LABEL=…`, `UUID=…`, `TYPE=…` and so on. */
const fileSystem = async () => {
  const script = 'blkid --probe --output export "$r/dev/disk/by-id/virtio-$1" || true';
  return (await bench.onHost(host, script, on.volumeId.slice(0, 20))).trim().split('\n').sort();
};

const mounts = async (share = on) => {
  const script = 'findmnt --noheadings --output SOURCE,FSTYPE --mountpoint "$r$1" || true';
  return (await bench.onHost(host, script, path(share))).split('\n').filter(Boolean);
};

const inFstab = async ({ shareId } = on) => {
  const lines = (await bench.onHost(host, 'cat "$r/etc/fstab"')).split('\n');
  return lines.filter((line) => line.includes(`x-hawser.share=${shareId} `));
};

test('a blank volume gets one file system, which a repeat keeps', async () => {
  expect((await fileSystem()).join()).not.toContain('TYPE=');
  await bench.steps.formatVolume(on);
  const made = await fileSystem();
  expect(made).toContain('TYPE=ext4');
  await bench.steps.formatVolume(on);
  expect(await fileSystem()).toEqual(made);
});

test('a file system that is not ours is refused with nothing touched', async () => {
  await rig.planFault({ operation: 'volume.create' }, { dirtyVolume: true });
  on = await newShare();
  const before = await fileSystem();
  expect(before).toContain('LABEL=foreign');
  const failure = await failureOf(bench.steps.formatVolume(on));
  expect(failure).toMatchObject({ type: 'DeviceNotBlank', nonRetryable: true });
  expect(failure.message).toContain('nothing was touched');
  expect(await fileSystem()).toEqual(before);
});

test('a file system of another share is refused as well', async () => {
  await bench.steps.formatVolume(on);
  const ours = await fileSystem();
  const label = ours.find((line) => line.startsWith('LABEL='));
  await bench.onHost(host, 'e2label "$r/dev/disk/by-id/virtio-$1" other', on.volumeId.slice(0, 20));
  const changed = await fileSystem();
  expect(changed).not.toContain(label);
  expect(await failureOf(bench.steps.formatVolume(on))).toMatchObject({ type: 'DeviceNotBlank' });
  expect(await fileSystem()).toEqual(changed);
});

test('a volume whose disk never shows up fails for good', async () => {
  const hasty = await rig.addBackend({ max_time_to_attach: 1 });
  await rig.planFault({ operation: 'volume.attach' }, { noDevice: true });
  on = await newShare();
  const hidden = { ...on, host: { ...host, backend: hasty.backend } };
  const failure = await failureOf(hasty.steps.formatVolume(hidden));
  expect(failure).toMatchObject({ type: 'DeviceNotFound', nonRetryable: true });
  expect(failure.message).toContain(on.volumeId.slice(0, 20));
});

test('a share is mounted once and for every boot, and its files stay over a repeat', async () => {
  await bench.steps.formatVolume(on);
  await bench.steps.mountShare(on);
  await bench.onHost(host, 'echo kept >"$r$1/file"', path());
  const [mount, ...others] = await mounts();
  expect(mount).toContain('ext4');
  expect(others).toEqual([]);

  await bench.steps.formatVolume(on);
  await bench.steps.mountShare(on);
  expect(await mounts()).toEqual([mount]);
  expect(await inFstab()).toHaveLength(1);
  expect(await bench.onHost(host, 'cat "$r$1/file"', path())).toBe('kept\n');
});

test('a new file system is open to every user, and one that is mounted again keeps what it says', async () => {
  const mode = async () => (await bench.onHost(host, 'stat -c %a "$r$1"', path())).trim();
  await bench.steps.formatVolume(on);
  await bench.steps.mountShare({ ...on, isNew: true });
  expect(await mode()).toBe('777');
  await bench.onHost(host, 'chmod 750 "$r$1"', path());
  await bench.steps.unmountShare(on);
  await bench.steps.mountShare(on);
  expect(await mode()).toBe('750');
});

test('what another has mounted in its place is neither covered, unmounted nor forgotten', async () => {
  const other = { host, ...(await attachShare(bench, host, `${on.shareId}1`)) };
  for (const share of [on, other]) await bench.steps.formatVolume(share);
  await bench.steps.mountShare(on);
  const seen = [await mounts(), await inFstab()];
  const intruder = { ...other, shareId: on.shareId };
  expect(await failureOf(bench.steps.mountShare(intruder))).toMatchObject({ nonRetryable: true });
  await bench.steps.unmountShare(intruder);
  await bench.steps.unmountShare({ ...intruder, volumeId: randomUUID() });
  expect([await mounts(), await inFstab()]).toEqual(seen);
});

test('of file systems that are mounted on one another the uppermost counts', async () => {
  const other = { host, ...(await attachShare(bench, host, `${on.shareId}1`)) };
  for (const share of [on, other]) await bench.steps.formatVolume(share);
  const mountByHand = ({ volumeId }: typeof on) =>
    bench.onHost(
      host,
      'mkdir -p "$r$1"; mount "$r/dev/disk/by-id/virtio-$2" "$r$1"; touch "$r$1/$2"',
      path(),
      deviceSerial(volumeId),
    );
  const content = () => bench.onHost(host, 'ls "$r$1"', path());

  await mountByHand(other);
  await mountByHand(on);
  await bench.steps.mountShare(on);
  expect(await content()).toContain(deviceSerial(on.volumeId));
  await bench.steps.unmountShare(on);
  expect(await mounts()).toHaveLength(1);
  expect(await content()).toContain(deviceSerial(other.volumeId));
  expect(await inFstab()).toEqual([]);

  await bench.onHost(host, 'umount "$r$1"', path());
  await mountByHand(on);
  await mountByHand(other);
  expect((await failureOf(bench.steps.mountShare(on))).message).toContain('another file system');
  expect((await failureOf(bench.steps.unmountShare(on))).message).toContain('is covered by');
  expect(await mounts()).toHaveLength(2);
  await bench.steps.unmountShare({ host, shareId: on.shareId });
  expect(await mounts()).toEqual([]);
});

test('what is mounted in place of a share is told, unless it is of its own volume', async () => {
  const { shareId } = on;
  const other = { host, ...(await attachShare(bench, host, `${shareId}1`)) };
  const foundFor = async (volumeId: string | null) =>
    bench.steps.findOtherMount({ host, shareId, volumeId });
  for (const share of [on, other]) await bench.steps.formatVolume(share);
  expect(await foundFor(other.volumeId)).toBeNull();
  await bench.steps.mountShare(on);
  expect(await foundFor(on.volumeId)).toBeNull();
  for (const another of [other.volumeId, 'detached-since-then', null]) {
    expect(await foundFor(another)).toContain('/dev/');
  }
  await bench.onHost(
    host,
    'mount "$r/dev/disk/by-id/virtio-$2" "$r$1"',
    path(),
    deviceSerial(other.volumeId),
  );
  const covered = await failureOf(foundFor(on.volumeId));
  expect(covered.message).toContain('is covered by another file system');
});

test('a share is unmounted and forgotten, and twice is harmless; others stay', async () => {
  const other = { host, ...(await attachShare(bench, host, `${on.shareId}0`)) };
  for (const share of [on, other]) {
    await bench.steps.formatVolume(share);
    await bench.steps.mountShare(share);
  }
  await bench.steps.unmountShare(on);
  await bench.steps.unmountShare(on);
  expect(await mounts(on)).toEqual([]);
  expect(await inFstab(on)).toEqual([]);
  expect(await bench.onHost(host, 'ls -d "$r$1" 2>/dev/null || true', path(on))).toBe('');
  expect(await mounts(other)).toHaveLength(1);
  expect(await inFstab(other)).toHaveLength(1);
});

test('a share that was never mounted is unmounted without a word', async () => {
  await bench.steps.unmountShare({ host, shareId: 'never' });
  expect(await inFstab({ ...on, shareId: 'never' })).toEqual([]);
});

test('fstab keeps its mode', async () => {
  const mode = () => bench.onHost(host, 'find "$r/etc/fstab" -printf %m');
  await bench.steps.formatVolume(on);
  await bench.onHost(host, 'chmod 0640 "$r/etc/fstab"');
  await bench.steps.mountShare(on);
  expect(await inFstab()).toHaveLength(1);
  expect(await mode()).toBe('640');
  await bench.steps.unmountShare(on);
  expect(await inFstab()).toHaveLength(0);
  expect(await mode()).toBe('640');
  await bench.onHost(host, 'chmod 0644 "$r/etc/fstab"');
});

test('several shares are mounted at once, and none loses its line in fstab', async () => {
  const shares = [on, await newShare(), await newShare()];
  await Promise.all(shares.map((share) => bench.steps.formatVolume(share)));
  await Promise.all(shares.map((share) => bench.steps.mountShare(share)));
  for (const share of shares) {
    expect(await mounts(share)).toHaveLength(1);
    expect(await inFstab(share)).toHaveLength(1);
  }
  await Promise.all(shares.map((share) => bench.steps.unmountShare(share)));
  for (const share of shares) expect(await inFstab(share)).toEqual([]);
});
