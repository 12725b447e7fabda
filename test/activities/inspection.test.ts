import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Access } from '../../activities/nfs-exports.js';
import type { InstanceHost, ShareLocation } from '../../workflows/model.js';
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
let volumeId: string;
let location: ShareLocation;
let shareId: string;
let next = 0;

const rules: Access[] = [
  { to: '10.0.0.1', level: 'rw' },
  { to: '10.0.0.10', level: 'ro' },
];

beforeAll(async () => {
  rig = await startActivityRig();
  ({ bench, host } = await bootInstance(rig));
});
afterAll(() => rig?.stop());

beforeEach(async () => {
  next += 1;
  shareId = `s${next}`;
  ({ volumeId } = await attachShare(bench, host, shareId));
  await bench.steps.formatVolume({ host, shareId, volumeId });
  location = await bench.steps.mountShare({ host, shareId, volumeId });
});

const at = () => ({ host, shareId, location });
const onHost = (script: string) => bench.onHost(host, script, location.path, volumeId.slice(0, 20));
const look = (protocol: 'NFS' | 'CIFS', changes: Partial<{ rules: Access[] }> = {}) =>
  bench.steps.inspectShare({ ...at(), protocol, volumeId, rules, ...changes });

/** All that a look could change. */
const everything = () =>
  onHost('cat "$r/etc/fstab" "$r/var/lib/nfs/etab"; ls "$r/etc/exports.d"; net conf list; findmnt');

describe('NFS', () => {
  beforeEach(async () => {
    await bench.steps.applyNfsExports({ ...at(), rules });
  });

  test('a share in service has nothing wrong, and looking changes nothing', async () => {
    const before = await everything();
    expect(await look('NFS')).toEqual({ drift: [], mounted: true });
    expect(await look('NFS')).toEqual({ drift: [], mounted: true });
    expect(await everything()).toBe(before);
    await bench.steps.applyNfsExports({ ...at(), rules: [] });
    expect(await look('NFS', { rules: [] })).toEqual({ drift: [], mounted: true });
  });

  test.each([
    ['is not mounted', 'umount "$r$1"', ['mount'], false],
    ['is mounted read-only', 'mount -o remount,ro "$r$1"', ['mount'], true],
    ['has lost its line in fstab', 'sed -i /x-hawser/d "$r/etc/fstab"', ['fstab'], true],
    [
      'has a line in fstab for another file system',
      'sed -i s/virtio-/virtio-0/ "$r/etc/fstab"',
      ['fstab'],
      true,
    ],
    [
      'has lost its exports file, with the kernel none the wiser',
      'rm "$r"/etc/exports.d/*',
      ['exports'],
      true,
    ],
    ['is exported by its file only', 'exportfs -u "10.0.0.1:$r$1"', ['exports'], true],
    [
      'is exported to one client too many',
      'exportfs -o rw,no_subtree_check "10.0.0.2:$r$1"',
      ['exports'],
      true,
    ],
    ['has no NFS server', 'systemctl stop nfs-server', ['service'], true],
  ])('a share that %s is seen', async (_, broken, drift, mounted) => {
    await onHost(broken);
    const seen = await look('NFS');
    await bench.steps.startFileService({ host, protocol: 'NFS' });
    await bench.steps.startFileService({ host, protocol: 'NFS' });
    expect(seen).toEqual({ drift, mounted });
  });

  test('a rule at another level, and one for a prefix of an address, are not the same', async () => {
    for (const other of [
      [{ to: '10.0.0.1', level: 'ro' }, rules[1]],
      [rules[0]],
      [rules[0], { to: '10.0.0.1', level: 'ro' }],
    ] as Access[][]) {
      expect((await look('NFS', { rules: other })).drift).toEqual(['exports']);
    }
  });

  test('a volume that was detached, and one attached again under the dead mount, are seen', async () => {
    const { serverId } = host;
    const { backend } = bench;
    await bench.steps.detachVolume({ backend, serverId, volumeId });
    expect(await look('NFS')).toMatchObject({
      drift: ['device', 'mount'],
      mounted: true,
    });
    await bench.steps.attachVolume({ backend, serverId, volumeId });
    expect(await look('NFS')).toMatchObject({ drift: ['mount'], mounted: true });
    await bench.steps.applyNfsExports({ ...at(), rules: [] });
    await bench.steps.unmountShare(at());
    await bench.steps.mountShare({ ...at(), volumeId });
    await bench.steps.applyNfsExports({ ...at(), rules });
    expect(await look('NFS')).toEqual({ drift: [], mounted: true });
  });

  test('a volume whose file system is gone is not touched', async () => {
    await onHost('umount "$r$1"; wipefs --all "$r/dev/disk/by-id/virtio-$2"');
    expect(await failureOf(look('NFS'))).toMatchObject({
      type: 'VolumeFailed',
      nonRetryable: true,
      message: expect.stringContaining(volumeId),
    });
  });

  test('a file system on no volume of ours is looked at where it is mounted', async () => {
    await onHost('sed -i "s|^\\S* $1 |UUID=$(findmnt -no UUID "$r$1") $1 |" "$r/etc/fstab"');
    const seen = await bench.steps.inspectShare({
      ...at(),
      protocol: 'NFS',
      volumeId: null,
      rules,
    });
    expect(seen).toEqual({ drift: [], mounted: true });
    await onHost('umount "$r$1"');
    const gone = await bench.steps.inspectShare({
      ...at(),
      protocol: 'NFS',
      volumeId: null,
      rules,
    });
    expect(gone).toMatchObject({
      drift: expect.arrayContaining(['device', 'mount']),
      mounted: false,
    });
  });
});

describe('CIFS', () => {
  const open = rules.map(({ to }): Access => ({ to, level: 'rw' }));
  beforeEach(async () => {
    await bench.steps.applyCifsShare({ ...at(), rules: open });
  });

  test('a share in service has nothing wrong, and looking changes nothing', async () => {
    const before = await everything();
    expect(await look('CIFS', { rules: open })).toEqual({ drift: [], mounted: true });
    expect(await everything()).toBe(before);
  });

  test.each([
    ['is unknown to Samba', 'net conf delshare "$(basename "$1")"'],
    [
      'lets another client in',
      'net conf setparm "$(basename "$1")" "hosts allow" "127.0.0.1 10.0.0.9"',
    ],
    ['has another path', 'net conf setparm "$(basename "$1")" path /tmp'],
  ])('a share that %s is seen', async (_, broken) => {
    await onHost(broken);
    expect(await look('CIFS', { rules: open })).toEqual({ drift: ['exports'], mounted: true });
  });

  test('a Samba server that does not run is seen, and started', async () => {
    await onHost('systemctl stop smbd');
    expect(await look('CIFS', { rules: open })).toEqual({ drift: ['service'], mounted: true });
    await bench.steps.startFileService({ host, protocol: 'CIFS' });
    expect((await look('CIFS', { rules: open })).drift).toEqual([]);
  });
});
