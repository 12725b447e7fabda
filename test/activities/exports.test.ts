import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { newLocation } from '../../activities/share-paths.js';
import type { Access } from '../../activities/nfs-exports.js';
import type { InstanceHost } from '../../workflows/model.js';
import {
  bootInstance,
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
