/** Whom a section of Samba's lets in, by smb.conf(5), and whom the rules that are made of it do. */
import { BlockList, isIP } from 'node:net';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { accessOfSection } from '../../workflows/existing-samba-access.js';
import { canonicalSubject } from '../../workflows/validation.js';
import { around, hostileText, nearlyAddress } from './inputs.js';
import { holds, patience } from './properties.js';

const boolean = fc.constantFrom('yes', 'no', 'True', 'FALSE', 'on', 'Off', '1', '0', '', 'perhaps');
const separator = fc.constantFrom(' ', ', ', ',', '\t', '\v', '\u00a0', ' ; ');
const listOf = (word: fc.Arbitrary<string>) =>
  fc.array(fc.tuple(word, separator), { maxLength: 4 }).map((some) => some.flat().join('').trim());
const host = fc.oneof(
  nearlyAddress,
  fc.constantFrom(
    'ALL',
    'all',
    '*',
    '<world>',
    'LOCAL',
    'EXCEPT',
    'localhost',
    '127.',
    '127.0.0.1',
    '127.0.0.1/1',
    '127.example.org',
    '10.',
    '10.0.',
    '10.0.0.0/255.255.0.0',
    '10.0.0.0/255.0.255.0',
    '@hosts',
    '.example.org',
    '2001:db8::/32',
  ),
);
const user = fc.oneof(
  fc.constantFrom('alice', 'Alice', 'EXAMPLE\\bob', 'c.d-e', '@staff', '+staff', '%S', '"a'),
  around(fc.constant('alice')),
);
const oneLine = (text: string) => !/[\n\r]/.test(text);

const odd = fc.array(
  fc.oneof(
    fc.tuple(
      fc.constantFrom(
        'read only',
        'writeable',
        'Write OK',
        'guest ok',
        'public',
        'guest only',
        'available',
      ),
      boolean,
    ),
    fc.tuple(
      fc.constantFrom('hosts allow', 'allow hosts', 'HostsAllow', 'hosts deny', 'deny hosts'),
      listOf(host).filter(oneLine),
    ),
    fc.tuple(fc.constant('hosts deny'), fc.constantFrom('ALL', '0.0.0.0/0', '')),
    fc.tuple(
      fc.constantFrom('valid users', 'ValidUsers', 'read list', 'write list', 'invalid users'),
      listOf(user).filter(oneLine),
    ),
    fc.tuple(
      fc.constantFrom('comment', 'create mask', 'copy', 'vfs objects'),
      hostileText.filter(oneLine),
    ),
  ),
  { maxLength: 6 },
);
const open: [string, string][] = [
  ['guest ok', 'yes'],
  ['read only', 'no'],
];

/** A section as an administrator may have written it. */
const parameters = fc
  .tuple(fc.constantFrom([], open), odd)
  .map(([first, more]) => [...first, ...more]);

const textOf = (pairs: [string, string][]): string =>
  ['[Old]', '\tpath = /srv/old', ...pairs.map(([key, value]) => `\t${key} = ${value}`)].join('\n');

/** What of it counts: names mind neither case nor blanks, of two the last one counts. */
function effective(pairs: [string, string][]): Map<string, string> {
  const others: Record<string, string> = {
    allowhosts: 'hostsallow',
    denyhosts: 'hostsdeny',
    public: 'guestok',
  };
  const found = new Map<string, string>();
  for (const [key, raw] of pairs) {
    const bare = key.toLowerCase().replaceAll(' ', '');
    const value = raw.trim();
    if (bare === 'writeable' || bare === 'writeok') {
      found.set('readonly', yes.includes(value.toLowerCase()) ? 'no' : 'yes');
    } else found.set(others[bare] ?? bare, value);
  }
  return found;
}

const yes = ['yes', 'true', 'on', '1'];
const no = ['no', 'false', 'off', '0'];

/** Of lists, what source3/lib/util_str.c takes for one: only these part words. */
const words = (list = ''): string[] => list.split(/[ \t,]+/).filter((word) => word !== '');

function matches(word: string, address: string): boolean {
  if (/^all$/i.test(word)) return true;
  if (/^[\d.]+\.$/.test(word)) return address.startsWith(word);
  const [base = '', mask] = word.split('/');
  const family = isIP(base);
  // Node takes an IPv4 address for one of IPv6 too, Samba does not.
  if (family === 0 || family !== isIP(address)) return false;
  const kind = family === 4 ? 'ipv4' : 'ipv6';
  const bits =
    mask === undefined
      ? family === 4
        ? 32
        : 128
      : mask.includes('.')
        ? mask
            .split('.')
            .reduce((sum, byte) => sum + Number(byte).toString(2).replaceAll('0', '').length, 0)
        : Number(mask);
  const list = new BlockList();
  list.addSubnet(base, bits, kind);
  return list.check(address, kind);
}

/** source3/lib/access.c, for clients that are another machine. */
function letsIn(section: Map<string, string>, address: string): boolean {
  const allow = words(section.get('hostsallow'));
  const deny = words(section.get('hostsdeny'));
  if (no.includes(section.get('available')?.toLowerCase() ?? '')) return false;
  if (allow.some((word) => matches(word, address))) return true;
  return allow.length > 0 && deny.length === 0
    ? false
    : !deny.some((word) => matches(word, address));
}

function levelOf(section: Map<string, string>, name: string): string | undefined {
  const isIn = (list: string) =>
    words(section.get(list)).some((word) => word.toLowerCase() === name.toLowerCase());
  if (no.includes(section.get('available')?.toLowerCase() ?? '')) return undefined;
  if (!isIn('validusers')) return undefined;
  if (isIn('writelist')) return 'rw';
  if (isIn('readlist')) return 'ro';
  return no.includes(section.get('readonly')?.toLowerCase() ?? '') ? 'rw' : 'ro';
}

const strangers = [
  '8.8.8.8',
  '10.0.0.5',
  '10.0.7.7',
  '10.9.9.9',
  '100.0.0.1',
  '2001:db8::9',
  'fd00::1',
];

/** Machines at and beside what a list names. */
const clientsOf = (section: Map<string, string>): string[] => [
  ...strangers,
  ...[...words(section.get('hostsallow')), ...words(section.get('hostsdeny'))]
    .map((word) => word.split('/')[0] ?? '')
    .filter((word) => isIP(word) > 0 && !word.includes('%')),
];

describe('a section of Samba’s', { timeout: patience }, () => {
  test('of any text has rules that a share can have, or says why not', async () => {
    const line = fc.oneof(
      hostileText,
      fc
        .tuple(fc.constantFrom('hosts allow', 'valid users', 'guest ok', 'path', ''), hostileText)
        .map((pair) => pair.join(' = ')),
      hostileText.map((text) => `guest ok = yes\nread only = no\nhosts allow = ${text}`),
    );
    await holds(
      'texts of sections',
      fc.array(line, { maxLength: 6 }).map((lines) => lines.join('\n')),
      (text) => {
        const { accessBy, rules, obstacles, notes } = accessOfSection(text);
        for (const { to, level } of rules) {
          expect(['rw', 'ro']).toContain(level);
          if (obstacles.length === 0) expect(canonicalSubject(accessBy, to)).toBe(to);
        }
        for (const one of [...obstacles, ...notes]) expect(one).toBeTypeOf('string');
      },
    );
  });

  test('lets in whom its rules name, at their level, and nobody else', async () => {
    await holds('sections of Samba', parameters, (pairs) => {
      const section = effective(pairs);
      const { accessBy, rules, obstacles } = accessOfSection(textOf(pairs));
      if (obstacles.length > 0) return;
      const guests = yes.includes(section.get('guestok')?.toLowerCase() ?? '');
      expect(accessBy).toBe(guests ? 'ip' : 'user');
      if (!guests) {
        const names = [...words(section.get('validusers')), ...words(section.get('writelist'))];
        for (const name of [...names, 'alice', 'mallory']) {
          const rule = rules.find(({ to }) => to.toLowerCase() === name.toLowerCase());
          expect(rule?.level, name).toBe(levelOf(section, name));
        }
        return;
      }
      for (const address of clientsOf(section)) {
        if (address.startsWith('127.') || address === '::1') continue;
        // To shut out all of IPv4 is another way of saying all.
        if (section.get('hostsdeny') === '0.0.0.0/0' && address.includes(':')) continue;
        const named = rules.some(({ to }) => matches(to, address));
        expect(named, address).toBe(letsIn(section, address));
      }
    });
  });
});
