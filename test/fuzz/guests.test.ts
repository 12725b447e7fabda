/** What is written on a service instance, read again by a reader that shares no code with the writer. */
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { accessOfExports } from '../../workflows/existing-access.js';
import { accessOfSection } from '../../workflows/existing-samba-access.js';
import type { InstanceHost } from '../../workflows/model.js';
import { canonicalAddress, canonicalSubject } from '../../workflows/validation.js';
import { deviceSerial } from '../../activities/share-paths.js';
import { mountByHand } from '../support/existing-share.js';
import {
  bootInstance,
  startActivityRig,
  type ActivityRig,
  type Bench,
} from '../support/activities.js';
import { around, hostileText, nearlyAddress } from './inputs.js';
import { holds, holdsInBatches, patience } from './properties.js';

let rig: ActivityRig;
let bench: Bench;
let host: InstanceHost;

beforeAll(async () => {
  rig = await startActivityRig();
  ({ bench, host } = await bootInstance(rig));
});
afterAll(() => rig?.stop());

/** Only what is accepted gets here. */
const accepted = (canonical: (text: string) => string) => (text: string) => {
  try {
    return [canonical(text)];
  } catch {
    return [];
  }
};

const level = fc.constantFrom('rw' as const, 'ro' as const);

/** Entries of a file by exports(5): its path, and its clients with their options. */
function exportsIn(text: string): { path: string; clients: Record<string, string[]> }[] {
  return text
    .replaceAll('\\\n', ' ')
    .split('\n')
    .flatMap((line) => {
      const words = [...line.replace(/#.*/, '').matchAll(/"([^"]*)"|(\S+)/g)].map(
        ([, quoted, bare]) => quoted ?? bare ?? '',
      );
      const [path, ...clients] = words;
      if (path === undefined) return [];
      const pairs = clients.map((one) => /^([^()]*)\(([^()]*)\)$/.exec(one) ?? ['', one, '']);
      return [
        {
          path,
          clients: Object.fromEntries(
            pairs.map(([, client, options]) => [client, (options ?? '').split(',')]),
          ),
        },
      ];
    });
}

/** Sections of a file by smb.conf(5). */
function sectionsIn(text: string): Record<string, Record<string, string>> {
  const sections: Record<string, Record<string, string>> = {};
  let current: Record<string, string> = {};
  for (const line of text.split('\n').map((one) => one.trim())) {
    const name = /^\[(.*)\]$/.exec(line)?.[1];
    if (name !== undefined) current = sections[name] = {};
    else if (line !== '')
      current[line.slice(0, line.indexOf('=')).trim()] = line.slice(line.indexOf('=') + 1).trim();
  }
  return sections;
}

const words = (list = ''): string[] =>
  list
    .split(/[\s,]+/)
    .filter(Boolean)
    .sort();

describe('a service instance', { timeout: patience }, () => {
  test('exports by NFS to those whom the rules name, and nobody else', async () => {
    await bench.onHost(host, 'mkdir -p "$r/shares/share-n"');
    await holdsInBatches(
      'lines of exports',
      fc.tuple(nearlyAddress, level),
      async (asked) => {
        const named = asked.flatMap(([text, at]) =>
          accepted(canonicalAddress)(text).map((to) => [to, at] as const),
        );
        const rules = [...new Map(named)].map(([to, at]) => ({ to, level: at }));
        await bench.steps.applyNfsExports({ host, shareId: 'n', rules });
        const file = await bench.onHost(
          host,
          'cat "$r/etc/exports.d/share-n.exports" 2>/dev/null || :',
        );
        const found = exportsIn(file);
        expect(found.every(({ path }) => path.endsWith('/shares/share-n'))).toBe(true);
        const world = rules.filter(({ to }) => to.endsWith('/0'));
        const wanted = new Map(
          rules.filter((rule) => !world.includes(rule)).map(({ to, level: at }) => [to, at]),
        );
        if (world.length > 0)
          wanted.set('*', world.some((rule) => rule.level === 'rw') ? 'rw' : 'ro');
        const seen = found.flatMap(({ clients }) => Object.entries(clients));
        expect(seen.map(([to, options]) => `${to} ${options[0]}`).sort()).toEqual(
          [...wanted].map((pair) => pair.join(' ')).sort(),
        );
      },
      { of: 0.5 },
    );
  });

  test('lets in by Samba the addresses and users whom the rules name, and nobody else', async () => {
    const user = around(fc.constantFrom('alice', 'EXAMPLE\\bob', 'c.d-e'));
    await holdsInBatches(
      'parameters of Samba',
      fc.tuple(user, nearlyAddress, level),
      async (asked) => {
        const users = new Map(
          asked.flatMap(([text, , at]) =>
            accepted((one) => canonicalSubject('user', one))(text).map((to) => [
              to.toLowerCase(),
              { to, level: at },
            ]),
          ),
        );
        const hosts = [...new Set(asked.flatMap(([, text]) => accepted(canonicalAddress)(text)))];
        const who = [...users.values()];
        await bench.steps.applyCifsShare({ host, shareId: 'u', accessBy: 'user', rules: who });
        await bench.steps.applyCifsShare({
          host,
          shareId: 'h',
          rules: hosts.map((to) => ({ to, level: 'rw' })),
        });
        const sections = sectionsIn(await bench.onHost(host, 'net conf list'));
        expect(Object.keys(sections).sort()).toEqual(['share-h', 'share-u']);
        const { 'share-u': byUser = {}, 'share-h': byHost = {} } = sections;
        const named = (at: string) =>
          who
            .filter((rule) => rule.level === at)
            .map(({ to }) => to)
            .sort();
        expect(words(byUser['valid users'])).toEqual([...named('rw'), ...named('ro')].sort());
        expect(words(byUser['write list'])).toEqual(named('rw'));
        expect(words(byUser['read list'])).toEqual(named('ro'));
        expect(byUser['available']).toBe(who.length > 0 ? 'yes' : 'no');
        expect(words(byHost['hosts allow'])).toEqual(['127.0.0.1', ...hosts].sort());
        expect(byHost['hosts deny']).toBe('ALL');
      },
      { of: 0.2 },
    );
  });

  test('gives back what was taken over, whatever stands beside it', async () => {
    const { blockStorage } = rig.operator;
    const { id: volumeId } = await blockStorage.createVolume({
      name: 'old',
      sizeGib: 1,
      metadata: {},
    });
    await expect
      .poll(async () => (await blockStorage.getVolume(volumeId)).status)
      .toBe('available');
    await bench.steps.attachVolume({ backend: bench.backend, serverId: host.serverId, volumeId });
    await bench.onHost(host, mountByHand, deviceSerial(volumeId), '/srv/old');
    const before = await bench.onHost(host, 'cat "$r/etc/fstab"');
    const exported = async () => sorted(await bench.onHost(host, 'exportfs -s | sed "s|^$r||"'));
    const entry = fc.tuple(
      fc.constantFrom(
        '/srv/old',
        '"/srv/old"',
        '/srv/old/',
        '/srv//old',
        '"/srv/old b"',
        '/srv/older',
        '/srv',
        '#/srv/old',
      ),
      fc.constantFrom(' ', '\t', ' \\\n  '),
      fc.oneof(
        hostileText,
        nearlyAddress.map((to) => `${to}(rw,sync,no_subtree_check)`),
      ),
    );
    const sendable = (text: string) => !/\0|\r/.test(text) && Buffer.from(text).toString() === text;
    const lines = entry.map((parts) => parts.join('')).filter(sendable);
    await holdsInBatches(
      'exports beside a share',
      lines,
      async (some) => {
        const exports = some.slice(0, 12).join('\n');
        const complaints = await bench.onHost(
          host,
          'rm -f "$r"/etc/exports.d/*; printf "%s\\n" "$1" >"$r/etc/exports"; printf "%s" "$2" >"$r/etc/fstab"; exportfs -r 2>&1 || :',
          exports,
          before,
        );
        // Below a line that it does not understand exportfs reads nothing; what is given back comes last.
        const isSeen = (line: string) => !complaints || /^\/srv\/old\s+\S+\(/.test(line);
        const inForce = (await exported()).filter(isSeen);
        const existing = await bench.steps.inspectExistingShare({
          host,
          protocol: 'NFS',
          where: '/srv/old',
        });
        const paths = existing.entries
          .flatMap(({ text }) => exportsIn(text).slice(0, 1))
          .map(({ path }) => path);
        for (const path of paths) expect(['/srv/old', '/srv/old/', '/srv//old']).toContain(path);
        const { rules } = accessOfExports(existing.exports);
        try {
          await bench.steps.takeOverShare({ host, shareId: 't', existing, rules });
          const left = exportsIn(await bench.onHost(host, 'cat "$r/etc/exports"'));
          expect(left.filter(({ path }) => /^\/srv\/+old\/?$/.test(path))).toEqual([]);
        } catch (error) {
          // Whatever else stands there and is wrong fails every change of exports.
          if (!/exportfs: /.test(String(error))) throw error;
        }
        await bench.steps.giveBackShare({ host, shareId: 't', existing });
        const restored = await bench.onHost(host, 'cat "$r/etc/exports"');
        expect(sorted(restored)).toEqual(sorted(exports));
        expect(sorted(await bench.onHost(host, 'cat "$r/etc/fstab"'))).toEqual(sorted(before));
        expect((await exported()).filter(isSeen)).toEqual(inForce);
      },
      { of: 0.2 },
    );
  });

  test('gives back a share of Samba’s as it was, whatever it says', async () => {
    const { blockStorage } = rig.operator;
    const metadata = {};
    const { id: volumeId } = await blockStorage.createVolume({ name: 'smb', sizeGib: 1, metadata });
    await expect
      .poll(async () => (await blockStorage.getVolume(volumeId)).status)
      .toBe('available');
    await bench.steps.attachVolume({ backend: bench.backend, serverId: host.serverId, volumeId });
    await bench.onHost(host, mountByHand, deviceSerial(volumeId), '/srv/smb');
    const fstab = await bench.onHost(host, 'cat "$r/etc/fstab"');
    const value = fc.oneof(
      hostileText,
      nearlyAddress,
      fc.constantFrom('yes', 'no', 'alice bob', 'a\\', '\\', '[x]', '# a', 'ALL'),
    );
    const parameter = fc.tuple(
      fc.constantFrom(
        'comment',
        'hosts allow',
        'hosts deny',
        'valid users',
        'write list',
        'guest ok',
        'read only',
        'vfs objects',
        'root preexec',
        'create mask',
        'available',
        'copy',
      ),
      value.filter((text) => !/[\0\r\n]/.test(text) && Buffer.from(text).toString() === text),
    );
    const sections = async () => sectionsIn(await bench.onHost(host, 'net conf list'));
    const location = { volumeId, path: '/srv/smb', exportName: 'Old', fileSystem: 'ext4' as const };
    await holds(
      'sections of a share and beside it',
      fc.array(parameter, { maxLength: 8 }),
      async (some) => {
        // What Samba takes of it; what it refuses does not get there.
        await bench.onHost(
          host,
          `net conf drop; net conf addshare Older "$r/srv" writeable=n guest_ok=n "not ours"
           net conf addshare Old "$r/srv/smb"; net conf addshare old2 "$r/srv/other"
           while (($# > 1)); do net conf setparm Old "$1" "$2" 2>/dev/null || :; shift 2; done`,
          ...some.flat(),
        );
        const before = await sections();
        let existing;
        try {
          existing = await bench.steps.inspectExistingShare({
            host,
            protocol: 'CIFS',
            where: 'OLD',
          });
        } catch (error) {
          expect(error).toMatchObject({ type: 'ManageInvalidShare' });
          expect(Object.values(before['Old'] ?? {}).some((one) => one.endsWith('\\'))).toBe(true);
          return;
        }
        expect(sectionsIn(existing.section ?? '')).toEqual({ Old: before['Old'] });
        const { accessBy, rules, obstacles } = accessOfSection(existing.section ?? '');
        await bench.steps.takeOverShare({ host, shareId: 's', existing, rules: [] });
        if (obstacles.length === 0)
          await bench.steps.applyCifsShare({ host, shareId: 's', location, accessBy, rules });
        const { Old: _ours, ...others } = before;
        expect(await sections()).toMatchObject(others);
        await bench.steps.giveBackShare({ host, shareId: 's', existing });
        expect(await sections()).toEqual(before);
        expect(sorted(await bench.onHost(host, 'cat "$r/etc/fstab"'))).toEqual(sorted(fstab));
      },
      { of: 0.03 },
    );
  });
});

/** A line that stands twice means no more than one that stands once. */
const sorted = (text: string): string[] => [...new Set(text.split('\n').filter(Boolean))].sort();
