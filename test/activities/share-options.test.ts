import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
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
let plain: Bench;
let instance: InstanceHost;
let shareId: string;
let next = 0;

beforeAll(async () => {
  rig = await startActivityRig();
  ({ bench: plain, host: instance } = await bootInstance(rig));
});
afterAll(() => rig?.stop());

beforeEach(() => {
  next += 1;
  shareId = `s${next}`;
});

/** A backend configured so, that works on the one instance. */
async function configured(options: Record<string, unknown>) {
  const bench = await rig.addBackend(options);
  const host = { ...instance, backend: bench.backend };
  return { host, backend: bench.backend, steps: bench.steps };
}

const volumeOf = async (id = shareId) =>
  (await rig.operator.blockStorage.listVolumes({ metadata: { 'hawser:share_id': id } }))[0];

describe("a backend's options of volumes", () => {
  test('give it a type', async () => {
    const { cinder } = await rig.devcloud.as('hawser');
    await cinder('POST', '/types', { volume_type: { name: 'fast' } });
    const { backend, steps } = await configured({ cinder_volume_type: 'fast' });
    await steps.ensureVolume({ backend, shareId, sizeGib: 1 });
    expect(await volumeOf()).toMatchObject({ volumeType: 'fast' });
    const other = await configured({});
    await other.steps.ensureVolume({ backend: other.backend, shareId: 'other', sizeGib: 1 });
    expect((await volumeOf('other'))?.volumeType).not.toBe('fast');
  });

  test('of a type that there is not fail for good, and nothing is made', async () => {
    const { backend, steps } = await configured({ cinder_volume_type: 'no-such' });
    const failure = await failureOf(steps.ensureVolume({ backend, shareId, sizeGib: 1 }));
    expect(failure).toMatchObject({ nonRetryable: true });
    expect(failure.message).toContain('no-such');
    expect(await volumeOf()).toBeUndefined();
  });

  test("put it in a zone, the request's before the backend's", async () => {
    const mars = await configured({ storage_availability_zone: 'mars' });
    const spec = { backend: mars.backend, shareId, sizeGib: 1 };
    const failure = await failureOf(mars.steps.ensureVolume(spec));
    expect(failure).toMatchObject({ type: 'AvailabilityZoneNotFound', nonRetryable: true });
    expect(failure.message).toContain(
      'no availability zone mars that is available; there are: nova',
    );
    expect(await volumeOf()).toBeUndefined();
    await mars.steps.ensureVolume({ ...spec, availabilityZone: 'nova' });
    expect(await volumeOf()).toMatchObject({ availabilityZone: 'nova' });
  });

  test('name it', async () => {
    const { backend, steps } = await configured({ volume_name_template: 'nas-%s-data' });
    await steps.ensureVolume({ backend, shareId, sizeGib: 1 });
    expect(await volumeOf()).toMatchObject({ name: `nas-${shareId}-data` });
  });
});

describe("a backend's options of file systems", () => {
  const superblock = async (volumeId: string, line: string) => {
    const script = 'tune2fs -l "$r/dev/disk/by-id/virtio-$1"; blkid "$r/dev/disk/by-id/virtio-$1"';
    const text = await plain.onHost(instance, script, volumeId.slice(0, 20));
    return new RegExp(`${line}[:=]"?\\s*([^\\s"]+)`).exec(text)?.[1];
  };

  test('make it an ext3, which is mounted as such', async () => {
    const { host, steps } = await configured({ share_volume_fstype: 'ext3' });
    const share = { host, ...(await attachShare(plain, instance, shareId)) };
    await steps.formatVolume(share);
    await steps.formatVolume(share);
    expect(await superblock(share.volumeId, ' TYPE')).toBe('ext3');
    expect(await steps.mountShare(share)).toMatchObject({ fileSystem: 'ext3' });
    const fstab = await plain.onHost(instance, 'cat "$r/etc/fstab"');
    expect(fstab).toMatch(new RegExp(` ext3 .*x-hawser.share=${shareId} `));
  });

  test('keep five in a hundred blocks for root, or none', async () => {
    const kept = await configured({ set_zero_reserved_blocks: false });
    const first = { ...(await attachShare(plain, instance, shareId)), host: kept.host };
    await kept.steps.formatVolume(first);
    const blocks = Number(await superblock(first.volumeId, 'Block count'));
    expect(Number(await superblock(first.volumeId, 'Reserved block count'))).toBe(
      Math.floor(blocks / 20),
    );
    const second = { ...(await attachShare(plain, instance, `${shareId}b`)), host: instance };
    await plain.steps.formatVolume(second);
    expect(await superblock(second.volumeId, 'Reserved block count')).toBe('0');
  });

  test('give its root a mode, once', async () => {
    const { host, steps } = await configured({ share_root_mode: '1770' });
    const share = { host, ...(await attachShare(plain, instance, shareId)) };
    await steps.formatVolume(share);
    const { path } = await steps.mountShare({ ...share, isNew: true });
    const mode = () => plain.onHost(instance, 'ls -ld "$r$1"', path);
    expect(await mode()).toMatch(/^drwxrwx--T/);
    await plain.onHost(instance, 'chmod 0700 "$r$1"', path);
    await steps.mountShare(share);
    expect(await mode()).toMatch(/^drwx------/);
    await steps.unmountShare(share);
  });

  test('make root on a client nobody, also on a share where he was root before', async () => {
    const mounted = { host: instance, ...(await attachShare(plain, instance, shareId)) };
    await plain.steps.formatVolume(mounted);
    const location = await plain.steps.mountShare(mounted);
    const squashing = await configured({ nfs_root_squash: true });
    const share = { ...mounted, protocol: 'NFS' as const, location };
    const rules = [
      { to: '10.0.0.5', level: 'rw' as const },
      { to: '10.1.0.0/24', level: 'ro' as const },
    ];
    const driftBy = async ({ host, steps }: Pick<typeof squashing, 'host' | 'steps'>) =>
      (await steps.inspectShare({ ...share, host, rules })).drift;
    const keeping = { host: instance, steps: plain.steps };
    const exported = async () =>
      (await plain.onHost(instance, 'exportfs -s')).match(/(no_)?root_squash/g);

    await plain.steps.applyNfsExports({ ...share, rules });
    expect(await exported()).toEqual(['no_root_squash', 'no_root_squash']);
    expect(await driftBy(keeping)).toEqual([]);
    expect(await driftBy(squashing)).toEqual(['exports']);
    await squashing.steps.applyNfsExports({ ...share, host: squashing.host, rules });
    expect(await exported()).toEqual(['root_squash', 'root_squash']);
    expect(await driftBy(squashing)).toEqual([]);
    expect(await driftBy(keeping)).toEqual(['exports']);
    await plain.steps.applyNfsExports({ ...share, rules: [] });
    await plain.steps.unmountShare(share);
  });

  test('mount it elsewhere, and export it from there', async () => {
    const { host, steps } = await configured({ share_mount_path: '/srv/nas' });
    const share = { host, ...(await attachShare(plain, instance, shareId)) };
    await steps.formatVolume(share);
    const location = await steps.mountShare(share);
    expect(location.path).toBe(`/srv/nas/share-${shareId}`);
    const rules = [{ to: '10.0.0.5', level: 'rw' as const }];
    expect(await steps.applyNfsExports({ host, shareId, location, rules })).toEqual([
      { path: `${host.address}:/srv/nas/share-${shareId}`, adminOnly: false },
    ]);
    await steps.applyNfsExports({ host, shareId, location, rules: [] });
    await steps.unmountShare({ host, shareId, location });
    expect(await plain.onHost(instance, 'ls "$r/srv/nas"')).toBe('');
  });
});
