import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { newLocation } from '../../activities/share-paths.js';
import type { Access } from '../../activities/nfs-exports.js';
import type { InstanceHost } from '../../workflows/model.js';
import {
  bootInstance,
  failureOf,
  mountShare,
  startActivityRig,
  type ActivityRig,
  type Bench,
} from '../support/activities.js';

let rig: ActivityRig;
let bench: Bench;
let host: InstanceHost;
let shareId: string;
let next = 0;

beforeAll(async () => {
  rig = await startActivityRig();
  ({ bench, host } = await bootInstance(rig));
});
afterAll(() => rig?.stop());

beforeEach(async () => {
  next += 1;
  shareId = `s${next}`;
  await mountShare(bench, host, shareId);
});

const rw = (...addresses: string[]): Access[] => addresses.map((to) => ({ to, level: 'rw' }));
const ro = (...addresses: string[]): Access[] => addresses.map((to) => ({ to, level: 'ro' }));

describe('NFS', () => {
  const apply = (rules: Access[], id = shareId) =>
    bench.steps.applyNfsExports({ host, shareId: id, rules });

  /** What the server exports, from its own table: `CLIENT level`. */
  async function exported(id = shareId): Promise<string[]> {
    const table = await bench.onHost(host, 'sed "s|^$r||" "$r/var/lib/nfs/etab"');
    const path = newLocation(bench.options, id).path;
    return table
      .split('\n')
      .filter((line) => line.split('\t')[0] === path)
      .map((line) => /\t(\S+?)\((rw|ro),/.exec(line)?.slice(1).join(' ') ?? line)
      .sort();
  }

  const files = async () =>
    (await bench.onHost(host, 'ls "$r/etc/exports.d"')).split('\n').filter(Boolean);

  test('exports go to addresses, prefixes and IPv6, each at its level, and a repeat changes nothing', async () => {
    const rules = [
      ...rw('10.0.0.1', '2001:db8::/32'),
      ...ro('10.0.0.10', '10.0.1.0/24', '2001:db8:1::5'),
    ];
    const wanted = rules.map(({ to, level }) => `${to} ${level}`).sort();
    const path = newLocation(bench.options, shareId).path;
    for (const round of ['first', 'second']) {
      expect(await apply(rules), round).toEqual([
        { path: `${host.address}:${path}`, adminOnly: false },
      ]);
      expect(await exported(), round).toEqual(wanted);
    }
  });

  test('an export location has the address that clients reach', async () => {
    const reached = { ...host, exportAddress: '10.9.9.9' };
    const [location] = await bench.steps.applyNfsExports({ host: reached, shareId, rules: [] });
    expect(location?.path).toBe(`10.9.9.9:${newLocation(bench.options, shareId).path}`);
  });

  test('an operator mounts by the address in the admin network; IPv6 stands in brackets', async () => {
    const reached = { ...host, exportAddress: '2001:db8::9', adminAddress: '172.30.0.9' };
    const { path, exportName } = newLocation(bench.options, shareId);
    const spec = { host: reached, shareId, rules: [] };
    expect(await bench.steps.applyNfsExports(spec)).toEqual([
      { path: `[2001:db8::9]:${path}`, adminOnly: false },
      { path: `172.30.0.9:${path}`, adminOnly: true },
    ]);
    expect(await bench.steps.applyCifsShare(spec)).toEqual([
      { path: `\\\\[2001:db8::9]\\${exportName}`, adminOnly: false },
      { path: `\\\\172.30.0.9\\${exportName}`, adminOnly: true },
    ]);
    await bench.steps.removeCifsShare(spec);
  });

  test('the list is the whole list: who is not on it any more is out, and only he', async () => {
    await apply(rw('10.0.0.1', '10.0.0.10', '10.0.0.0/24'));
    await apply(rw('10.0.0.10', '10.0.0.0/24'));
    expect(await exported()).toEqual(['10.0.0.0/24 rw', '10.0.0.10 rw']);
    await apply([...ro('10.0.0.1'), ...rw('10.0.0.10')]);
    expect(await exported()).toEqual(['10.0.0.1 ro', '10.0.0.10 rw']);
    await apply([...rw('10.0.0.1'), ...ro('10.0.0.10')]);
    expect(await exported()).toEqual(['10.0.0.1 rw', '10.0.0.10 ro']);
  });

  test('the whole world is one export with the greater right', async () => {
    await apply(ro('0.0.0.0/0'));
    expect(await exported()).toEqual(['* ro']);
    await apply([...ro('0.0.0.0/0'), ...rw('::/0'), ...ro('10.0.0.1')]);
    expect(await exported()).toEqual(['* rw', '10.0.0.1 ro']);
  });

  test('a world of the one kind of address is the whole world, as the server takes no other', async () => {
    for (const world of ['0.0.0.0/0', '::/0']) {
      await apply([...rw(world), ...ro('10.0.0.0/8')]);
      expect(await exported(), world).toEqual(['* rw', '10.0.0.0/8 ro']);
    }
  });

  test('an empty list exports to nobody and leaves no file; other shares stay exported', async () => {
    const other = `${shareId}0`;
    await mountShare(bench, host, other);
    await apply(rw('10.0.0.1'));
    await apply(rw('10.0.0.2'), other);
    const both = await files();
    await apply([]);
    await apply([]);
    expect(await exported()).toEqual([]);
    expect(await exported(other)).toEqual(['10.0.0.2 rw']);
    const left = await files();
    expect(both.filter((file) => !left.includes(file))).toHaveLength(1);
    await apply([], other);
  });

  test('a reading that failed, as when a file goes meanwhile, is done once more, and its last words are told', async () => {
    const library = new URL('../../activities/scripts/lib/exports.sh', import.meta.url);
    const readings = async (failing: number) =>
      bench.onHost(
        host,
        `root=$r fails=$1 count=0
        exportfs() { ((++count > fails)) || { echo "reading $count" >&2; return 1; }; }
        ${readFileSync(library, 'utf8')}
        failed=no
        reload_exports 2>"$r/tmp/words" || failed=yes
        echo "$count $failed $(<"$r/tmp/words")"
        rm "$r/tmp/words"`,
        String(failing),
      );
    expect(await readings(0)).toBe('1 no \n');
    expect(await readings(1)).toBe('2 no \n');
    expect(await readings(9)).toBe('2 yes reading 2\n');
  });

  test('several shares are exported at once', async () => {
    const other = `${shareId}0`;
    await mountShare(bench, host, other);
    await Promise.all([
      bench.retried.applyNfsExports({ host, shareId, rules: rw('10.0.0.1') }),
      bench.retried.applyNfsExports({ host, shareId: other, rules: ro('10.0.0.2') }),
    ]);
    expect(await exported()).toEqual(['10.0.0.1 rw']);
    expect(await exported(other)).toEqual(['10.0.0.2 ro']);
  });
});

describe('CIFS', () => {
  const apply = (rules: Access[]) => bench.steps.applyCifsShare({ host, shareId, rules });
  const remove = () => bench.steps.removeCifsShare({ host, shareId });

  const shares = async () =>
    (await bench.onHost(host, 'net conf listshares')).split('\n').filter(Boolean);

  /** The addresses that Samba lets in. */
  async function admitted(name: string): Promise<string[]> {
    const value = await bench.onHost(host, 'net conf getparm "$1" "hosts allow"', name);
    return value
      .trim()
      .split(/[\s,]+/)
      .sort();
  }

  test('a share opens to exactly its list, and a repeat changes nothing', async () => {
    for (const round of ['first', 'second']) {
      const [location] = await apply(rw('10.0.0.1', '10.0.0.10'));
      const [name, ...others] = await shares();
      expect(others).toEqual([]);
      expect(location, round).toEqual({ path: `\\\\${host.address}\\${name}`, adminOnly: false });
      expect(await admitted(name ?? ''), round).toEqual(['10.0.0.1', '10.0.0.10', '127.0.0.1']);
      const path = await bench.onHost(host, 'net conf getparm "$1" path', name ?? '');
      expect(path.trim(), round).toMatch(
        new RegExp(`${newLocation(bench.options, shareId).path}$`),
      );
    }
    await apply(rw('10.0.0.10'));
    const [name = ''] = await shares();
    expect(await admitted(name)).toEqual(['10.0.0.10', '127.0.0.1']);
    await apply([]);
    expect(await admitted(name)).toEqual(['127.0.0.1']);
    await remove();
  });

  test('a share is removed from among many', async () => {
    await apply([]);
    const [mine = ''] = await shares();
    await bench.onHost(host, 'for at in {1..40}; do net conf addshare "$1-$at" /tmp; done', mine);
    await remove();
    const left = await shares();
    expect(left).toHaveLength(40);
    expect(left).not.toContain(mine);
    await bench.onHost(host, 'for at in {1..40}; do net conf delshare "$1-$at"; done', mine);
  });

  test('a share is removed, and twice is harmless; others stay', async () => {
    await apply(rw('10.0.0.1'));
    const [mine] = await shares();
    const other = `${shareId}0`;
    await bench.steps.applyCifsShare({ host, shareId: other, rules: rw('10.0.0.2') });
    await remove();
    await remove();
    const left = await shares();
    expect(left).toHaveLength(1);
    expect(left).not.toContain(mine);
    expect(await admitted(left[0] ?? '')).toEqual(['10.0.0.2', '127.0.0.1']);
    await bench.steps.removeCifsShare({ host, shareId: other });
    expect(await shares()).toEqual([]);
  });
});

describe('CIFS by user', () => {
  const apply = (...rules: Access[]) =>
    bench.steps.applyCifsShare({ host, shareId, accessBy: 'user', rules });
  const remove = () => bench.steps.removeCifsShare({ host, shareId });
  const name = () => newLocation(bench.options, shareId).exportName;

  const parameter = async (key: string): Promise<string> => {
    const script = 'net conf getparm "$1" "$2" 2>/dev/null || true';
    return (await bench.onHost(host, script, name(), key)).trim();
  };
  const lists = async () => ({
    available: await parameter('available'),
    valid: (await parameter('valid users')).split(' ').filter(Boolean).toSorted(),
    read: await parameter('read list'),
    write: await parameter('write list'),
  });

  test('a share is open to exactly its users, each at his level, and a repeat changes nothing', async () => {
    for (const round of ['first', 'second']) {
      const [location] = await apply(...rw('alice', 'EXAMPLE\\bob'), ...ro('carol'));
      expect(location?.path, round).toBe(`\\\\${host.address}\\${name()}`);
      expect(await lists(), round).toEqual({
        available: 'yes',
        valid: ['EXAMPLE\\bob', 'alice', 'carol'],
        read: 'carol',
        write: 'alice EXAMPLE\\bob',
      });
      expect(await parameter('guest ok'), round).toBe('no');
      expect(await parameter('read only'), round).toBe('yes');
    }
    await remove();
  });

  test('without a user it lets nobody in, though Samba takes an empty list for everybody', async () => {
    const closed = { available: 'no', valid: [], read: '', write: '' };
    await apply();
    expect(await lists()).toEqual(closed);
    await apply(...rw('alice'));
    await apply();
    await apply();
    expect(await lists()).toEqual(closed);
    await remove();
  });

  test('a connection whose rights were taken is closed by a repeat at the latest', async () => {
    const smbd = (what: string) => bench.onHost(host, 'systemctl "$1" smbd', what);
    const toBeClosed = async () =>
      (await bench.onHost(host, 'ls "$r/run/lock/hawser-close-$1" 2>/dev/null || true', name())) !==
      '';
    await apply(...rw('alice', 'bob'));
    for (const [fewer, more] of [
      [[...rw('alice'), ...ro('bob')], rw('alice', 'bob')],
      [rw('alice'), rw('alice', 'bob')],
    ] as const) {
      await smbd('stop');
      expect(await failureOf(apply(...fewer))).toMatchObject({ type: 'CommandFailed' });
      expect(await toBeClosed()).toBe(true);
      await smbd('start');
      await apply(...fewer);
      expect(await toBeClosed()).toBe(false);
      await smbd('stop');
      await failureOf(apply(...more));
      expect(await toBeClosed()).toBe(false);
      await smbd('start');
      await apply(...more);
    }
    await remove();
  });

  test('what Samba does not have as it was written is a failure', async () => {
    const odd = await failureOf(
      apply(...rw('alice'), { to: 'eve\n\tguest ok = yes', level: 'rw' }),
    );
    expect(odd.type).toBe('CommandFailed');
    await remove();
  });
});

describe('what the rules of a new share name', () => {
  test('comes from share_helpers', async () => {
    const helperOf = async (protocol: 'NFS' | 'CIFS', share_helpers: string[]) => {
      const { steps, backend } = await rig.addBackend({ share_helpers });
      return steps.resolveShareHelper({ backend, protocol, shareId: 'x' });
    };
    const { steps, backend } = bench;
    const place = { path: '/shares/share-x', exportName: 'share-x', fileSystem: 'ext4' };
    expect(await steps.resolveShareHelper({ backend, protocol: 'CIFS', shareId: 'x' })).toEqual({
      accessBy: 'ip',
      place,
    });
    const byUser = ['CIFS=CIFSHelperUserAccess', 'NFS=NFSHelper'];
    expect(await helperOf('CIFS', byUser)).toMatchObject({ accessBy: 'user' });
    expect(await helperOf('NFS', byUser)).toMatchObject({ accessBy: 'ip' });
    const failure = await failureOf(helperOf('CIFS', ['NFS=NFSHelper']));
    expect(failure).toMatchObject({ type: 'InvalidInput', nonRetryable: true });
    expect(failure.message).toContain('serves no CIFS shares: its share_helpers are NFSHelper');
  });
});
