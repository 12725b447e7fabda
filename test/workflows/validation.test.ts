import { describe, expect, it } from 'vitest';
import type { AccessRule, ShareRequest } from '../../workflows/model.js';
import {
  canonicalAddress,
  sameSubject,
  validateAccess,
  validateRuleId,
  validateShareRequest,
} from '../../workflows/validation.js';

const request: ShareRequest = {
  id: 'projects-2026.v1_a',
  name: 'Projects',
  protocol: 'NFS',
  sizeGib: 1,
  shareNetwork: 'demo-net/demo-subnet',
  backend: 'generic',
};

/** What a caller without our types may send. */
const withPart = (part: keyof ShareRequest, value: unknown): ShareRequest =>
  Object.assign({ ...request }, { [part]: value });

describe('a share request', () => {
  it.each([
    ['an ordinary one', request],
    ['an id of one character', withPart('id', '7')],
    ['an id of 64 characters', withPart('id', 'a'.repeat(64))],
    ['no name', withPart('name', '')],
    ['a name in any script', withPart('name', 'Пројекти 📁')],
    ['a network alone', withPart('shareNetwork', 'demo-net')],
    ['a network name with a space', withPart('shareNetwork', 'demo net/subnet 1')],
    ['the smallest size', withPart('sizeGib', 1)],
    ['the largest size', withPart('sizeGib', 65_536)],
    ['CIFS', withPart('protocol', 'CIFS')],
  ])('is accepted with %s', (_what, accepted) => {
    expect(validateShareRequest(accepted)).toBeUndefined();
  });

  it.each<[keyof ShareRequest, unknown, string]>([
    ['id', '', 'the share id is missing'],
    ['id', undefined, 'the share id is missing'],
    ['id', 'my share', 'contains " "'],
    ['id', 'a/../b', 'contains "/"'],
    ['id', 'x$(reboot);y', 'contains "$" "(" ")" ";"'],
    ['id', 'line\nbreak', 'contains "\\n"'],
    ['id', 'größe', 'contains "ö" "ß"'],
    ['id', '📁', 'contains "📁"'],
    ['id', '-rf', 'starts with "-"'],
    ['id', '..', 'starts with "."'],
    ['id', 'a'.repeat(65), 'has 65 characters'],
    ['id', 'Data', 'use "data"'],
    ['name', 'x'.repeat(256), 'the name has 256 characters: 255 are the most'],
    ['name', 'bell\u0007', 'the name contains the control character "\\u0007"'],
    ['name', 'half a pair \udc00', 'the name is not well-formed Unicode: "half a pair \\udc00"'],
    ['shareNetwork', '..', 'share network ".." is not of the form NETWORK or NETWORK/SUBNET'],
    ['shareNetwork', 'net/.', 'is not of the form'],
    ['shareNetwork', 'net\ud800', 'the share network is not well-formed Unicode'],
    ['name', null, 'the name must be text'],
    ['protocol', 'nfs', 'protocol "nfs" is unknown: use NFS or CIFS'],
    ['protocol', undefined, 'is unknown: use NFS or CIFS'],
    ['sizeGib', 0, 'a size of 0 leaves no room'],
    ['sizeGib', -5, 'size -5 is negative'],
    ['sizeGib', 1.5, 'size 1.5 is a fraction'],
    ['sizeGib', 65_537, 'size 65537 is larger than the largest share'],
    ['sizeGib', 1e300, 'larger than the largest share'],
    ['sizeGib', Number.NaN, 'is not a number'],
    ['sizeGib', '10', 'size "10" is not a number'],
    ['shareNetwork', '', 'not of the form NETWORK or NETWORK/SUBNET'],
    ['shareNetwork', 'net/', 'not of the form'],
    ['shareNetwork', '/subnet', 'not of the form'],
    ['shareNetwork', 'a/b/c', 'not of the form'],
    ['shareNetwork', 'net\u0000', 'control character'],
    ['shareNetwork', 'n'.repeat(256), '255 are the most'],
    ['backend', 'a b', 'backend "a b" contains " "'],
    ['backend', '', 'the backend is missing'],
  ])('is refused when %s is %j', (part, value, reason) => {
    expect(validateShareRequest(withPart(part, value))).toContain(reason);
  });
});

describe('an address', () => {
  it.each([
    ['10.0.0.5', '10.0.0.5'],
    ['10.0.0.5/32', '10.0.0.5'],
    ['10.0.0.0/24', '10.0.0.0/24'],
    ['10.0.0.0/31', '10.0.0.0/31'],
    ['0.0.0.0/0', '0.0.0.0/0'],
    ['2001:DB8:0:0::1', '2001:db8::1'],
    ['2001:db8::1/128', '2001:db8::1'],
    ['2001:0db8::/32', '2001:db8::/32'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['::/0', '::/0'],
  ])('%s is spelled %s, also when spelled twice', (text, canonical) => {
    expect(canonicalAddress(text)).toBe(canonical);
    expect(canonicalAddress(canonical)).toBe(canonical);
  });

  it.each([
    ['10.0.0.5/24', 'use 10.0.0.0/24 for the network, or 10.0.0.5 for the one address'],
    ['10.0.0.1/0', 'use 0.0.0.0/0 for the network'],
    ['2001:db8::1/64', 'use 2001:db8::/64 for the network, or 2001:db8::1 for the one address'],
  ])('%s is refused, and both things it may mean are named', (text, suggestion) => {
    expect(() => canonicalAddress(text)).toThrow(suggestion);
  });

  it.each([
    '',
    '*',
    'client.example.org',
    'alice',
    '@netgroup',
    '10.0.0',
    '10.1',
    '010.0.0.5',
    '0x0a000001',
    '167772161',
    '10.0.0.256',
    '10.0.0.0/33',
    '10.0.0.0/-1',
    '10.0.0.0/',
    '10.0.0.0/255.255.255.0',
    '10.0.0.1 ',
    '10.0.0.1\n*',
    '10.0.0.1(rw)',
    '2001:db8::/129',
    '2001:db8:::1',
    '::1::2',
    'fe80::1%eth0',
  ])('%j is refused', (text) => {
    expect(() => canonicalAddress(text)).toThrow(/not an IPv4 or IPv6 address|is missing/);
  });

  it.each(['::ffff:10.0.0.1', '::ffff:a00:1/128', '::ffff:0:0/96'])(
    '%s is refused as IPv4 written as IPv6',
    (text) => {
      expect(() => canonicalAddress(text)).toThrow('write it as IPv4');
    },
  );

  it.each([
    ['0.0.0.0', 'for everyone use 0.0.0.0/0'],
    ['::', 'for everyone use ::/0'],
    ['255.255.255.255', 'broadcast'],
    ['224.0.0.1', 'multicast'],
    ['ff02::1', 'multicast'],
  ])('%s is refused because no client can have it', (text, reason) => {
    expect(() => canonicalAddress(text)).toThrow(reason);
  });
});

describe('an access rule', () => {
  const nfs = { protocol: 'NFS', accessBy: 'ip' } as const;
  const cifs = { protocol: 'CIFS', accessBy: 'ip' } as const;
  const cifsByUser = { protocol: 'CIFS', accessBy: 'user' } as const;
  const ip = (to: string, level: string) => ({ type: 'ip', to, level }) as AccessRule;
  const user = (to: string, level = 'rw') => ({ type: 'user', to, level }) as AccessRule;

  it('may be rw or ro on an NFS share, rw on a CIFS share, rw or ro for users', () => {
    expect(validateAccess(nfs, ip('10.0.0.0/24', 'ro'))).toBeUndefined();
    expect(validateAccess(nfs, ip('2001:db8::1', 'rw'))).toBeUndefined();
    expect(validateAccess(nfs, ip('0.0.0.0/0', 'ro'))).toBeUndefined();
    expect(validateAccess(nfs, ip('::/0', 'ro'))).toBeUndefined();
    expect(validateAccess(cifs, ip('10.0.0.5', 'rw'))).toBeUndefined();
    expect(validateAccess(cifsByUser, user('alice', 'ro'))).toBeUndefined();
    expect(validateAccess(cifsByUser, user('EXAMPLE\\alice.b-c_d', 'rw'))).toBeUndefined();
  });

  it('is refused with the reason', () => {
    expect(validateAccess(cifs, ip('10.0.0.5', 'ro'))).toContain('rw access only');
    expect(validateAccess(nfs, ip('10.0.0.5', 'rwx'))).toContain('level "rwx" is unknown');
    expect(validateAccess(nfs, ip('10.0.0.5/8', 'rw'))).toContain('use 10.0.0.0/8');
    expect(validateAccess(cifs, ip('alice', 'rw'))).toContain('is not an IPv4 or IPv6 address');
    expect(validateAccess(nfs, user('alice'))).toContain('NFS share name addresses, not users');
    expect(validateAccess(cifs, user('alice'))).toContain('name addresses');
    expect(validateAccess(cifsByUser, ip('10.0.0.5', 'rw'))).toContain('name users');
    expect(validateAccess(nfs, { ...ip('x', 'rw'), type: 'cert' as 'ip' })).toContain('"cert"');
  });

  it.each([
    '',
    'alice$(id)',
    'alice bob',
    'alice,bob',
    '@staff',
    '+staff',
    '%U',
    '-alice',
    'a\\b\\c',
    '\\alice',
    'EXAMPLE\\',
    'EXAMPLE\\@staff',
    'alice\nvalid users = root',
    'größe',
    'a'.repeat(65),
  ])('does not name the user %j', (name) => {
    expect(validateAccess(cifsByUser, user(name))).toMatch(/is not a user name|is missing/);
  });

  it('is for the same client only when it names the same, and users by any case', () => {
    expect(sameSubject(user('Alice'), user('alice'))).toBe(true);
    expect(sameSubject(user('alice'), user('alice2'))).toBe(false);
    expect(sameSubject(ip('10.0.0.1', 'rw'), ip('10.0.0.10', 'rw'))).toBe(false);
    expect(sameSubject(ip('10.0.0.0/8', 'rw'), ip('10.0.0.0/24', 'rw'))).toBe(false);
  });

  it('has an id that needs no quoting anywhere', () => {
    expect(validateRuleId('office-1')).toBeUndefined();
    expect(validateRuleId('a b')).toContain('rule id "a b" contains " "');
  });
});
