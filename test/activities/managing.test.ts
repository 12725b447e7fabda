import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { ExistingShare } from '../../activities/existing-shares.js';
import { deviceSerial } from '../../activities/share-paths.js';
import type { InstanceHost } from '../../workflows/model.js';
import { accessOfSection } from '../../workflows/existing-samba-access.js';
import { exportByHand, mountByHand, shareByHand } from '../support/existing-share.js';
import {
  bootInstance,
  bootServer,
  failureOf,
  mountShare,
  startActivityRig,
  type ActivityRig,
  type Bench,
} from '../support/activities.js';

let rig: ActivityRig;
let bench: Bench;
let host: InstanceHost;
let volumeId: string;
let shareId: string;
let path: string;
let next = 0;

beforeAll(async () => {
  rig = await startActivityRig();
  ({ bench, host } = await bootInstance(rig));
});
afterAll(() => rig?.stop());

beforeEach(async () => {
  next += 1;
  shareId = `m${next}`;
  path = `/srv/old-${next}`;
  volumeId = await volumeByHand(`old ${next}`, { owner: 'finance' });
  await bench.onHost(host, mountByHand, deviceSerial(volumeId), path);
});

/** A volume that Hawser knows nothing of, attached. */
async function volumeByHand(name: string, metadata: Record<string, string>): Promise<string> {
  const { blockStorage } = rig.operator;
  const { id } = await blockStorage.createVolume({ name, sizeGib: 1, metadata });
  await expect.poll(async () => (await blockStorage.getVolume(id)).status).toBe('available');
  await bench.steps.attachVolume({ backend: bench.backend, serverId: host.serverId, volumeId: id });
  return id;
}

const files = () =>
  bench.onHost(host, 'cd "$r/etc"; grep -r "" fstab exports exports.d; net conf list');
/** Path, clients and rights, as the kernel would have them. */
const exported = async () => {
  const table = await bench.onHost(host, 'exportfs -s | sed "s|^$r||"');
  return table
    .split('\n')
    .filter((line) => line.startsWith(`${path} `))
    .map((line) => line.replace(/^\S+\s+/, '').replace(/\(.*(r[wo]),.*/, ' $1'))
    .sort();
};
const look = (protocol: 'NFS' | 'CIFS' = 'NFS', where = path) =>
  bench.steps.inspectExistingShare({ host, protocol, where });
const take = (
  existing: ExistingShare,
  rules: { to: string; level: 'rw' | 'ro' }[],
  volume: { volumeId: string } | null = { volumeId },
) => bench.steps.takeOverShare({ host, shareId, existing, volume, rules });
const lineOf = (disk: string) =>
  `${disk} ${path} ext4 defaults,nofail,x-hawser.share=${shareId} 0 2`;

describe('NFS', () => {
  const clients = '10.0.0.5(rw,no_root_squash,sync,no_subtree_check) 10.0.0.0/24(ro,sync,insecure)';
  const rules = [
    { to: '10.0.0.5', level: 'rw' as const },
    { to: '10.0.0.0/24', level: 'ro' as const },
  ];

  test('what is mounted and exported is found, and nothing is changed', async () => {
    await bench.onHost(host, exportByHand, path, clients);
    const before = await files();
    const found = await look();
    expect(found).toMatchObject({
      path,
      type: 'ext4',
      serial: deviceSerial(volumeId),
      section: null,
      exports: [
        expect.stringMatching(/^10\.0\.0\.5\(.*rw.*no_root_squash/),
        expect.stringMatching(/^10\.0\.0\.0\/24\(.*ro.*root_squash/),
      ],
      entries: [{ file: '/etc/exports', text: `${path} ${clients}` }],
    });
    expect(found.device).toMatch(/^\/dev\/vd.$/);
    expect(found.fstab).toEqual([`UUID=${found.uuid} ${path} ext4 defaults,noatime 0 2`]);
    // With what it keeps for itself, which df leaves out.
    expect(found.sizeBytes).toBe(2 ** 30);
    expect(await look()).toEqual(found);
    expect(await files()).toBe(before);
  });

  test('it is taken over with its clients, given back as it was, and each twice', async () => {
    const other = `/srv/other-${next} 10.9.9.9(rw,sync,no_subtree_check)`;
    await bench.onHost(
      host,
      'mkdir -p "$r/srv/other-$1"; echo "$2" >>"$r/etc/exports"',
      `${next}`,
      other,
    );
    const written = `${path}  \\\n  ${clients}`;
    await bench.onHost(host, 'echo "$1" >>"$r/etc/exports"; exportfs -r', written);
    const before = await files();
    const found = await look();
    for (const round of ['first', 'second']) {
      await take(found, rules);
      expect(await exported(), round).toEqual(['10.0.0.0/24 ro', '10.0.0.5 rw']);
      const now = await files();
      expect(now, round).toContain(lineOf(`/dev/disk/by-id/virtio-${deviceSerial(volumeId)}`));
      expect(now, round).not.toContain(written);
      expect(now, round).toContain(other);
      expect(now, round).not.toContain(found.uuid);
    }
    const location = { volumeId, path, exportName: 'old', fileSystem: 'ext4' as const };
    await bench.steps.applyNfsExports({ host, shareId, location, rules });
    expect(await exported()).toEqual(['10.0.0.0/24 ro', '10.0.0.5 rw']);

    for (const round of ['first', 'second']) {
      await bench.steps.giveBackShare({ host, shareId, existing: found });
      expect((await files()).split('\n').sort(), round).toEqual(before.split('\n').sort());
      expect(await exported(), round).toEqual(['10.0.0.0/24 ro', '10.0.0.5 rw']);
    }
    expect(await look()).toEqual(found);
  });

  test('on no volume of its own it is mounted by its UUID, as before', async () => {
    await bench.onHost(host, exportByHand, path, clients);
    const found = await look();
    await take(found, rules, null);
    expect(await files()).toContain(lineOf(`UUID=${found.uuid}`));
    const at = { host, shareId, protocol: 'NFS' as const, rules };
    const location = { volumeId: null, path, exportName: 'old', fileSystem: 'ext4' as const };
    await bench.steps.applyNfsExports({ host, shareId, location, rules });
    expect(await bench.steps.inspectShare({ ...at, location, volumeId: null })).toEqual({
      drift: [],
      mounted: true,
    });
  });

  test('an export that stands in no file is taken over, and given back too', async () => {
    const options = 'rw,sync,no_subtree_check,no_root_squash';
    await bench.onHost(host, 'exportfs -o "$2" "10.0.0.5:$r$1"', path, options);
    const found = await look();
    expect(found.entries).toEqual([]);
    await take(found, rules.slice(0, 1));
    expect(await exported()).toEqual(['10.0.0.5 rw']);
    for (const round of ['first', 'second']) {
      await bench.steps.giveBackShare({ host, shareId, existing: found });
      expect(await exported(), round).toEqual(['10.0.0.5 rw']);
      expect((await look()).exports, round).toEqual(found.exports);
      expect(await bench.onHost(host, 'ls "$r/etc/exports.d"'), round).not.toContain(shareId);
    }
  });

  test('a take-over that stopped between two files is finished by the next attempt', async () => {
    await bench.onHost(host, exportByHand, path, clients);
    const found = await look();
    // Our file is in force beside the old line, which exportfs complains about.
    await bench.onHost(
      host,
      'echo "$r$1 10.0.0.5(rw,sync,no_subtree_check,no_root_squash,mountpoint)" >"$r/etc/exports.d/share-$2.exports"',
      path,
      shareId,
    );
    await take(found, rules);
    expect(await exported()).toEqual(['10.0.0.0/24 ro', '10.0.0.5 rw']);
  });

  test('a file of exports of its own goes, and another share’s mark is respected', async () => {
    const file = `by-hand-${next}.exports`;
    await bench.onHost(
      host,
      'echo "$1 $2" >"$r/etc/exports.d/$3"; exportfs -r',
      path,
      clients,
      file,
    );
    const found = await look();
    expect(found.entries).toEqual([{ file: `/etc/exports.d/${file}`, text: `${path} ${clients}` }]);
    await take(found, rules);
    expect(await bench.onHost(host, 'ls "$r/etc/exports.d"')).not.toContain(file);
    const mine = await files();
    const second = { host, shareId: 'another', existing: found, rules };
    expect(await failureOf(bench.steps.takeOverShare(second))).toMatchObject({
      type: 'ManageInvalidShare',
      message: `${path} is share ${shareId} already`,
      nonRetryable: true,
    });
    await bench.steps.giveBackShare(second);
    expect(await files()).toBe(mine);
    expect(await exported()).toEqual(['10.0.0.0/24 ro', '10.0.0.5 rw']);
    for (const round of ['first', 'second']) {
      await bench.steps.releaseShare({ host, shareId });
      expect(await exported(), round).toEqual(['10.0.0.0/24 ro', '10.0.0.5 rw']);
      expect(await files(), round).toContain(`${path} ext4 defaults,nofail 0 2`);
    }
    expect((await look()).entries).toEqual([
      expect.objectContaining({ file: `/etc/exports.d/share-${shareId}.exports` }),
      expect.objectContaining({ file: `/etc/exports.d/share-${shareId}.exports` }),
    ]);
  });

  test.each([
    ['in quotes', (at: string) => `"${at}" 10.0.0.5(rw,sync)`],
    ['by another way', (at: string) => `/srv//./${at.slice(5)}/ 10.0.0.5(rw,sync)`],
    ['in a last line that would go on', (at: string) => `${at} 10.0.0.5(rw,sync) \\`],
    ['below a line that goes on', (at: string) => `\\\n${at} 10.0.0.5(rw,sync)`],
  ])('an entry whose path is written %s is found as it is', async (_how, entry) => {
    await bench.onHost(host, 'printf "%s" "$1" >"$r/etc/exports.d/odd.exports"', entry(path));
    const { entries } = await look();
    await bench.onHost(host, 'rm "$r/etc/exports.d/odd.exports"');
    expect(entries).toEqual([{ file: '/etc/exports.d/odd.exports', text: entry(path) }]);
  });

  test('by a link, what is found, taken over and given back is what the link leads to', async () => {
    const link = `/srv/link-${next}`;
    const line = `UUID=$(findmnt -no UUID "$r$1") $2 ext4 noatime 0 2`;
    await bench.onHost(
      host,
      `ln -s "$r$1" "$r$2"; sed -i "s|.* $1 ext4 .*|${line}|" "$r/etc/fstab"`,
      path,
      link,
    );
    await bench.onHost(host, exportByHand, link, clients);
    const before = await files();
    const found = await look('NFS', link);
    expect(found).toMatchObject({
      path,
      exports: [expect.stringMatching(/^10\.0\.0\.5\(/), expect.stringMatching(/^10\.0\.0\.0/)],
      entries: [{ file: '/etc/exports', text: `${link} ${clients}` }],
      fstab: [`UUID=${found.uuid} ${link} ext4 noatime 0 2`],
      elsewhere: [],
    });
    await take(found, rules);
    expect(await exported()).toEqual(['10.0.0.0/24 ro', '10.0.0.5 rw']);
    expect(await files()).not.toContain(link);
    await bench.steps.giveBackShare({ host, shareId, existing: found });
    expect(await exported()).toEqual(['10.0.0.0/24 ro', '10.0.0.5 rw']);
    expect((await files()).split('\n').sort()).toEqual(before.split('\n').sort());
  });

  test('a line beside it that exportfs complains about fails the take-over, not the giving back', async () => {
    await bench.onHost(host, exportByHand, path, clients);
    const wrong = '/srv/missing 10.0.0.6(rw,sync,no_subtree_check)';
    await bench.onHost(host, 'echo "$1" >"$r/etc/exports.d/wrong.exports"', wrong);
    const before = await files();
    const found = await look();
    expect((await failureOf(take(found, rules))).message).toContain('stat /srv/missing');
    await bench.steps.giveBackShare({ host, shareId, existing: found });
    const after = await files();
    const { exports } = await look();
    await bench.onHost(host, 'rm "$r/etc/exports.d/wrong.exports"; exportfs -r');
    expect(after.split('\n').sort()).toEqual(before.split('\n').sort());
    expect(exports.toSorted()).toEqual(found.exports.toSorted());
  });

  test('an entry of a path that begins alike is not its own', async () => {
    const others = [`"${path} b" 10.0.0.5(rw)`, `${path}-b 10.0.0.5(rw)`, `# ${path} 10.0.0.5(rw)`];
    await bench.onHost(host, 'printf "%s\n" "$@" >"$r/etc/exports.d/odd.exports"', ...others);
    const { entries } = await look();
    await bench.onHost(host, 'rm "$r/etc/exports.d/odd.exports"');
    expect(entries).toEqual([]);
  });

  test('what could not be put back as it was is left alone', async () => {
    await bench.onHost(
      host,
      String.raw`printf '%s 10.0.0.5(rw) # f\374r alle\n' "$1" >"$r/etc/exports.d/odd.exports"`,
      path,
    );
    const failure = await failureOf(look());
    await bench.onHost(host, 'rm "$r/etc/exports.d/odd.exports"');
    expect(failure).toMatchObject({ type: 'ManageInvalidShare', nonRetryable: true });
    expect(failure.message).toContain('is not all UTF-8');
  });

  test('what is not mounted is no share', async () => {
    await bench.onHost(host, 'mkdir -p "$r/srv/nothing"');
    expect(await failureOf(look('NFS', '/srv/nothing'))).toMatchObject({
      type: 'ManageInvalidShare',
      message: expect.stringContaining('Nothing is mounted on /srv/nothing') as string,
    });
  });
});

test('a share is let go of where its server is gone, and not while it is merely off', async () => {
  const away = await bootServer(bench, await rig.addShareNetwork(bench, '10.21.0.0/24'), 'away');
  await bench.steps.waitForSsh({ host: away });
  await mountShare(bench, away, shareId);
  const { nova } = await rig.devcloud.as('hawser');
  const act = (action: object) => nova('POST', `/servers/${away.serverId}/action`, action);
  const status = async () => (await rig.operator.compute.findServer(away.serverId))?.status;
  const fstab = () => bench.onHost(away, 'cat "$r/etc/fstab"');
  const release = () => bench.steps.releaseShare({ host: away, shareId });
  await act({ 'os-stop': null });
  await expect.poll(status).toBe('SHUTOFF');
  const failure = await failureOf(release());
  expect(failure).toMatchObject({ type: 'InstanceUnhealthy', nonRetryable: false });
  expect(failure.message).toContain(away.serverId);

  await act({ 'os-start': null });
  await expect.poll(status).toBe('ACTIVE');
  await bench.steps.waitForSsh({ host: away });
  expect(await fstab()).toContain(`x-hawser.share=${shareId}`);
  await release();
  expect(await fstab()).not.toContain('x-hawser.share');

  await rig.operator.compute.deleteServer(away.serverId);
  await expect.poll(status).toBeUndefined();
  await release();
}, 60_000);

describe('CIFS', () => {
  test('a share of the registry is found, taken over and given back', async () => {
    const name = `Old-${next}`;
    await bench.onHost(host, shareByHand, name, path, '127.0.0.1 10.0.0.5');
    const before = await files();
    const found = await look('CIFS', name.toLowerCase());
    expect(found).toMatchObject({ path, type: 'ext4', exports: [], entries: [] });
    expect(found.section).toContain(`[${name}]`);
    expect(found.section).toContain('create mask = 0660');
    const rules = [{ to: '10.0.0.5', level: 'rw' as const }];
    const location = { volumeId, path, exportName: name, fileSystem: 'ext4' as const };
    for (const round of ['first', 'second']) {
      await take(found, rules);
      const locations = await bench.steps.applyCifsShare({ host, shareId, location, rules });
      expect(locations, round).toEqual([
        { path: `\\\\${host.address}\\${name}`, adminOnly: false },
      ]);
    }
    expect(await files()).not.toContain('create mask');
    for (const round of ['first', 'second']) {
      await bench.steps.giveBackShare({ host, shareId, existing: found });
      expect((await files()).split('\n').sort(), round).toEqual(before.split('\n').sort());
    }
  });

  test.each([
    [
      'users',
      [
        { to: 'EXAMPLE\\bob', level: 'ro' as const },
        { to: 'alice', level: 'rw' as const },
      ],
    ],
    ['nobody', []],
  ])(
    'one of ours that is open to %s, let go of and found again, has the same rules',
    async (_, rules) => {
      const accessBy = 'user';
      const location = { volumeId, path, exportName: `Ours-${next}`, fileSystem: 'ext4' as const };
      const apply = (found: ReturnType<typeof accessOfSection>) =>
        bench.steps.applyCifsShare({ host, shareId, location, ...found });
      await apply({ accessBy, rules, obstacles: [], notes: [] });
      await bench.steps.releaseShare({ host, shareId });
      const before = await files();
      const access = accessOfSection((await look('CIFS', location.exportName)).section ?? '');
      expect({ ...access, rules: access.rules.toSorted((a, b) => (a.to < b.to ? -1 : 1)) }).toEqual(
        {
          accessBy,
          rules,
          obstacles: [],
          notes: [],
        },
      );
      await apply(access);
      expect((await files()).split('\n').sort()).toEqual(before.split('\n').sort());
    },
  );

  test('whose section could not be put back as it was is left alone', async () => {
    const name = `Odd-${next}`;
    await bench.onHost(host, shareByHand, name, path, '10.0.0.5');
    await bench.onHost(host, 'net conf setparm "$1" comment "$2"', name, 'C:\\');
    const before = await files();
    expect(await failureOf(look('CIFS', name))).toMatchObject({
      type: 'ManageInvalidShare',
      message: expect.stringContaining('its comment ends in a backslash') as string,
    });
    expect(await files()).toBe(before);
  });

  test('what is not in the registry is no share', async () => {
    expect(await failureOf(look('CIFS', 'nothing'))).toMatchObject({
      type: 'ManageInvalidShare',
      message: expect.stringContaining('no share nothing in its registry') as string,
    });
  });
});

describe('other ways to the same files are found', () => {
  test('by Samba to what is exported by NFS, whole or in part, and by NFS to a part of it', async () => {
    await bench.onHost(host, exportByHand, path, '10.0.0.5(rw,sync)');
    expect((await look()).elsewhere).toEqual([]);
    await bench.onHost(host, shareByHand, `Whole-${next}`, path, '10.0.0.5');
    await bench.onHost(host, shareByHand, `Part-${next}`, `${path}/part`, '10.0.0.5');
    await bench.onHost(host, shareByHand, `Beside-${next}`, `${path}-beside`, '10.0.0.5');
    await bench.onHost(host, 'mkdir -p "$r$1"', `${path}/part`);
    await bench.onHost(host, exportByHand, `${path}/part`, '10.0.0.6(ro,sync)');
    expect((await look()).elsewhere).toEqual([
      `by CIFS as Whole-${next} (${path})`,
      `by CIFS as Part-${next} (${path}/part)`,
      `by NFS to 10.0.0.6 (${path}/part)`,
    ]);
  });

  test('by way of a folder above, of a link, and of whatever each user’s name leads to', async () => {
    const names = ['Above', 'All', 'Link', 'Each', 'Deep'].map((name) => `${name}-${next}`);
    const link = `/srv/way-${next}`;
    const paths = ['/srv', '/', link, '/srv/%U', `${path}/%U/in`];
    await bench.onHost(host, 'ln -s "$r$1" "$r$2"', path, link);
    for (const [at, name] of names.entries())
      await bench.onHost(host, shareByHand, name, paths[at] ?? '', '10.0.0.5');
    const found = await look();
    for (const name of names) await bench.onHost(host, 'net conf delshare "$1"', name);
    expect(found.elsewhere.toSorted()).toEqual(
      names.map((name, at) => `by CIFS as ${name} (${paths[at]})`).sort(),
    );
  });

  test('by NFS from a folder above, where that goes down into other file systems', async () => {
    const above = '/srv 10.0.0.7(ro,sync,crossmnt) 10.0.0.8(ro,sync) 10.0.0.9(ro,sync,nohide)';
    await bench.onHost(host, 'echo "$1" >"$r/etc/exports.d/above.exports"; exportfs -r', above);
    const found = await look();
    await bench.onHost(host, 'rm "$r/etc/exports.d/above.exports"; exportfs -r');
    expect(found.elsewhere).toEqual(['by NFS to 10.0.0.7 (/srv)', 'by NFS to 10.0.0.9 (/srv)']);
  });

  test('by NFS, in force or only written down, and by another name in Samba', async () => {
    const name = `Mine-${next}`;
    await bench.onHost(host, shareByHand, name, path, '10.0.0.5');
    expect((await look('CIFS', name.toLowerCase())).elsewhere).toEqual([]);
    await bench.onHost(host, shareByHand, `Second-${next}`, path, '10.0.0.5');
    await bench.onHost(host, 'exportfs -o rw "10.0.0.5:$r$1"', path);
    await bench.onHost(
      host,
      'echo "$1 10.0.0.6(rw,sync)" >"$r/etc/exports.d/later-$2.exports"',
      path,
      `${next}`,
    );
    const found = await look('CIFS', name);
    await bench.onHost(host, 'rm "$r/etc/exports.d/later-$1.exports"; exportfs -r', `${next}`);
    expect(found.elsewhere).toEqual([
      `by CIFS as Second-${next} (${path})`,
      `by NFS to 10.0.0.5 (${path})`,
      `by NFS (in /etc/exports.d/later-${next}.exports)`,
    ]);
    expect(found.entries).toEqual([]);
  });
});

describe('the volume', () => {
  const find = (more: { volumeId?: string | null; serial?: string | null } = {}) =>
    bench.steps.findExistingVolume({
      backend: bench.backend,
      shareId,
      serverId: host.serverId,
      volumeId: null,
      serial: deviceSerial(volumeId),
      ...more,
    });
  const seen = async () => {
    const { name, metadata } = await rig.operator.blockStorage.getVolume(volumeId);
    return { name, metadata };
  };

  test('is known by its device alone: on none as a whole it is none, also by name', async () => {
    const found = { volumeId, name: `old ${next}`, sizeGib: 1, metadata: { owner: 'finance' } };
    expect(await find()).toEqual(found);
    expect(await find({ volumeId })).toEqual(found);
    expect(await find({ serial: '0123456789' })).toBeNull();
    expect(await find({ serial: null })).toBeNull();
    await rig.operator.blockStorage.updateVolume(volumeId, { name: `manila-share-${shareId}` });
    expect(await find({ serial: null })).toBeNull();
    await expect(find({ volumeId, serial: null })).rejects.toThrow(/has no serial/);
  });

  test('that is not the one named, or not attached, is refused', async () => {
    expect(
      await failureOf(find({ volumeId, serial: `${deviceSerial(volumeId)}-part1` })),
    ).toMatchObject({
      type: 'ManageInvalidShare',
      message: expect.stringContaining('as a whole') as string,
    });
    const elsewhere = '11111111-2222-4333-8444-555555555555';
    expect(await failureOf(find({ volumeId: elsewhere }))).toMatchObject({
      type: 'ManageInvalidShare',
      message: expect.stringMatching(/not attached.*attached: /) as string,
    });
  });

  test('is named and marked, given back as it was, and let go of, each twice', async () => {
    const volume = await find();
    if (!volume) throw new Error('no volume');
    const { backend } = bench;
    for (const round of ['first', 'second']) {
      await bench.steps.claimVolume({ backend, shareId, volume });
      expect(await seen(), round).toEqual({
        name: `manila-share-${shareId}`,
        metadata: {
          owner: 'finance',
          'hawser:taken_over': 'true',
          'hawser:share_id': shareId,
          'hawser:backend': backend,
        },
      });
    }
    expect(await bench.steps.findVolume({ backend, shareId })).toMatchObject({ volumeId });
    for (const round of ['first', 'second']) {
      await bench.steps.restoreVolume({ backend, shareId, volume });
      expect(await seen(), round).toEqual({ name: `old ${next}`, metadata: { owner: 'finance' } });
    }
    await bench.steps.claimVolume({ backend, shareId, volume });
    for (const round of ['first', 'second']) {
      await bench.steps.releaseVolume({ backend, shareId });
      expect(await seen(), round).toEqual({
        name: `manila-share-${shareId}`,
        metadata: { owner: 'finance' },
      });
    }
    expect(await bench.steps.findVolume({ backend, shareId })).toBeUndefined();
  });

  test('that became another share’s meanwhile is neither claimed nor restored', async () => {
    const volume = await find();
    if (!volume) throw new Error('no volume');
    const { backend } = bench;
    await bench.steps.claimVolume({ backend, shareId: 'winner', volume });
    const theirs = await seen();
    const refused = await failureOf(bench.steps.claimVolume({ backend, shareId, volume }));
    expect(refused).toMatchObject({
      type: 'ManageInvalidShare',
      message: expect.stringContaining('share winner') as string,
      nonRetryable: true,
    });
    await bench.steps.restoreVolume({ backend, shareId, volume });
    expect(await seen()).toEqual(theirs);
  });

  test('that bears the mark of a share which is gone is claimed, and given back with it', async () => {
    const { backend } = bench;
    await rig.operator.blockStorage.updateVolume(volumeId, {
      metadata: { 'hawser:share_id': 'gone' },
    });
    const volume = await find();
    if (!volume) throw new Error('no volume');
    const before = await seen();
    for (const round of ['first', 'second']) {
      await bench.steps.claimVolume({ backend, shareId, volume });
      expect((await seen()).metadata['hawser:share_id'], round).toBe(shareId);
    }
    for (const round of ['first', 'second']) {
      await bench.steps.restoreVolume({ backend, shareId, volume });
      expect(await seen(), round).toEqual(before);
    }
  });
});
