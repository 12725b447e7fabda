import { describe, expect, test } from 'vitest';
import { accessOfExports } from '../../workflows/existing-access.js';
import { accessOfSection } from '../../workflows/existing-samba-access.js';
import { exportedName, validateExportLocation } from '../../workflows/validation.js';

const ours =
  'sync,wdelay,hide,no_subtree_check,mountpoint,sec=sys,rw,secure,no_root_squash,no_all_squash';

describe('exports', () => {
  test('become rules for their addresses, each at its level', () => {
    const { rules, obstacles, notes } = accessOfExports([
      `10.0.0.5(${ours})`,
      `10.0.1.0/255.255.255.0(${ours.replace('rw', 'ro')})`,
      `2001:DB8::/32(${ours})`,
      `*(${ours.replace('rw', 'ro')})`,
    ]);
    expect(rules).toEqual([
      { to: '10.0.0.5', level: 'rw' },
      { to: '10.0.1.0/24', level: 'ro' },
      { to: '2001:db8::/32', level: 'rw' },
      { to: '0.0.0.0/0', level: 'ro' },
    ]);
    expect([...obstacles, ...notes]).toEqual([]);
  });

  test('are told of where ours will treat root in another way', () => {
    const exports = ['10.0.0.5(rw,no_root_squash)', '10.0.0.6(rw,root_squash)'];
    const told = (rootSquash: boolean) => accessOfExports(exports, rootSquash).notes;
    expect(told(false)).toEqual([expect.stringContaining('10.0.0.6 had root_squash')]);
    expect(told(true)).toEqual([expect.stringContaining('10.0.0.5 had no_root_squash')]);
  });

  test('what they had beyond ours is told', () => {
    const { notes, obstacles } = accessOfExports([
      '10.0.0.5(rw,async,root_squash,insecure,anonuid=1000)',
    ]);
    expect(notes).toEqual([
      'the export to 10.0.0.5 had async, root_squash, insecure, anonuid=1000, which Hawser does not keep',
    ]);
    expect(obstacles).toEqual([]);
  });

  test.each([
    ['client.example.org(rw)', /client\.example\.org, and rules are for addresses/],
    ['*.example.org(rw)', /\*\.example\.org/],
    ['@hosts(rw)', /@hosts/],
    ['10.0.0.5(rw,fsid=7)', /fsid=7/],
    ['10.0.0.5(rw,nohide)', /nohide/],
    ['10.0.0.5(rw,sec=krb5p)', /sec=krb5p/],
    // Not ::8000:0:0/81, as ipaddr.js has it.
    ['::0.0.0.0/81(rw)', /rules are for addresses/],
    ['::/0(rw)', /export it to \* instead/],
    ['10.0.0.0/0.0.0.0(rw)', /export it to \* instead/],
  ])('%s stands in the way', (line, reason) => {
    expect(accessOfExports([line]).obstacles).toEqual([expect.stringMatching(reason)]);
  });
});

/** The deadlock detector gives a workflow a few seconds. */
const inTime = 3000;

test('lists that are as long as an answer can be are read in time', () => {
  const many = Array.from({ length: 20_000 }, (_, at) => at);
  const hosts = many.map((at) => `10.0.${at >> 8}.${at & 255}`);
  const began = performance.now();
  expect(accessOfExports(hosts.map((to) => `${to}(rw)`)).rules).toHaveLength(many.length);
  const users = many.map((at) => `user${at}`).join(' ');
  const section = `\tvalid users = ${users}\n\tread list = ${users}\n\twrite list = ${users}`;
  expect(accessOfSection(section).rules).toHaveLength(many.length);
  const byHost = `\tguest ok = yes\n\tread only = no\n\thosts allow = ${hosts.join(' ')}`;
  expect(accessOfSection(byHost).rules).toHaveLength(many.length);
  expect(performance.now() - began).toBeLessThan(3 * inTime);
});

describe("a section of Samba's registry", () => {
  const section = (...lines: string[]) =>
    ['[Old]', '\tpath = /srv/old', ...lines.map((line) => `\t${line}`)].join('\n');
  const open = ['read only = no', 'guest ok = yes', 'hosts deny = ALL'];

  test('becomes rules for those it lets in, and this host is none of them', () => {
    const { rules, obstacles, notes } = accessOfSection(
      section(
        ...open,
        'hosts allow = 127.0.0.1, 10.0.0.5 10.1. 10.2.0.0/255.255.0.0 2001:db8::/32',
      ),
    );
    expect(rules.map(({ to, level }) => `${to} ${level}`)).toEqual([
      '10.0.0.5 rw',
      '10.1.0.0/16 rw',
      '10.2.0.0/16 rw',
      '2001:db8::/32 rw',
    ]);
    expect([...obstacles, ...notes]).toEqual([]);
  });

  test('names this host by its own addresses alone, not by a mask that hides them', () => {
    const allow = (list: string) => accessOfSection(section(...open, `hosts allow = ${list}`));
    for (const list of ['127.', '127.0.0.1 localhost ::1', '127.0.0.0/8', '127.0.0.1/255.0.0.0']) {
      expect(allow(list), list).toMatchObject({ rules: [], obstacles: [] });
    }
    expect(allow('127.0.0.1/1').rules).toEqual([{ to: '0.0.0.0/1', level: 'rw' }]);
  });

  test('has its parameters by any of their names', () => {
    const { rules, obstacles } = accessOfSection(
      section('Writeable = Yes', 'public = yes', 'AllowHosts = 10.0.0.5'),
    );
    expect(rules).toEqual([{ to: '10.0.0.5', level: 'rw' }]);
    expect(obstacles).toEqual([]);
  });

  test('without a list is open to everyone, unless it is shut', () => {
    const everyone = [
      { to: '0.0.0.0/0', level: 'rw' },
      { to: '::/0', level: 'rw' },
    ];
    const free = ['read only = no', 'guest ok = yes'];
    expect(accessOfSection(section(...free)).rules).toEqual(everyone);
    expect(accessOfSection(section(...open, 'hosts allow = ALL')).rules).toEqual(everyone);
    expect(accessOfSection(section(...free, 'hosts allow =')).rules).toEqual(everyone);
    expect(accessOfSection(section(...free, 'hosts allow =', 'hosts deny =')).rules).toEqual(
      everyone,
    );
    expect(accessOfSection(section(...open)).rules).toEqual([]);
    expect(accessOfSection(section(...free, 'available = no')).rules).toEqual([]);
  });

  test('what it had beyond ours is told', () => {
    const { notes } = accessOfSection(
      section(...open, 'hosts allow = 10.0.0.5', 'create mask = 0660'),
    );
    expect(notes).toEqual(['the share had create mask = 0660, which Hawser does not keep']);
  });

  test('whose clients log in becomes rules for its users, each at the level that Samba gives him', () => {
    const lists = [
      'valid users = alice, EXAMPLE\\bob carol dave Alice',
      'read list = carol dave',
      'write list = ALICE dave somebody',
    ];
    const levels = (...more: string[]) =>
      accessOfSection(section(...lists, ...more)).rules.map(({ to, level }) => `${to} ${level}`);
    const read = ['alice rw', 'EXAMPLE\\bob ro', 'carol ro', 'dave rw'];
    expect(levels('read only = yes')).toEqual(read);
    expect(levels()).toEqual(read);
    expect(levels('read only = no')).toEqual(read.with(1, 'EXAMPLE\\bob rw'));
    expect(accessOfSection(section(...lists, 'create mask = 0755'))).toMatchObject({
      accessBy: 'user',
      obstacles: [],
      notes: [],
    });
    expect(accessOfSection(section(...lists, 'force user = nas')).notes).toEqual([
      'the share had force user = nas, which Hawser does not keep',
    ]);
  });

  test('whose clients log in, and that is shut, has rules for nobody', () => {
    const nobody = { accessBy: 'user', rules: [], obstacles: [], notes: [] };
    expect(accessOfSection(section('available = no', 'read only = yes'))).toEqual(nobody);
    expect(accessOfSection(section('available = no', 'valid users = alice'))).toEqual(nobody);
  });

  test.each([
    [['hosts allow = 10.0.0.5'], /addresses count too.*\(hosts allow = 10\.0\.0\.5\)/],
    [['hosts deny = ALL'], /addresses count too.*\(hosts deny = ALL\)/],
    [['invalid users = bob'], /tells its users apart.*\(invalid users = bob\)/],
    [['admin users = bob'], /tells its users apart.*\(admin users = bob\)/],
    [['valid users = alice @staff'], /valid users have @staff/],
    [['valid users = alice +staff'], /valid users have \+staff/],
    [['valid users = %S'], /valid users have %S/],
    [['write list = &staff'], /write list have &staff/],
    [['valid users = "Alice Smith"'], /valid users have "Alice/],
    [['valid users ='], /whoever can log in/],
    // One odd name to Samba, not two users.
    [['valid users = alice\u00a0bob'], /valid users have alice\u00a0bob/],
    [['valid users = alice\vbob'], /valid users have alice\vbob/],
  ])('%j stands in the way of users', (lines, reason) => {
    const { obstacles } = accessOfSection(section('valid users = alice', ...lines));
    expect(obstacles).toContainEqual(expect.stringMatching(reason));
  });

  test.each([
    [['guest ok = yes', 'hosts allow = 10.0.0.5'], /read only/],
    [[...open, 'hosts allow = 10.0. EXCEPT 10.0.0.7'], /EXCEPT/],
    [[...open, 'hosts allow = client.example.org'], /client\.example\.org/],
    [[...open, 'hosts allow = *'], /lets in \*/],
    [[...open, 'hosts allow = <world>'], /lets in <world>/],
    [[...open, 'hosts allow = 127.example.org'], /lets in 127\.example\.org/],
    [[...open, 'hosts allow = 10.0.0.5\u00a010.0.0.6'], /lets in 10\.0\.0\.5\u00a0/],
    [['read only = no', 'guest ok = yes', 'hosts deny = 10.0.0.7'], /hosts deny = 10\.0\.0\.7/],
    [[...open, 'valid users = alice', 'hosts allow = 10.0.0.5'], /valid users = alice/],
    [['read only = no', 'hosts allow = 10.0.0.5'], /set guest ok = yes/],
    [[...open, 'read list = alice', 'hosts allow = 10.0.0.5'], /read list = alice/],
    [[...open, 'invalid users = bob', 'hosts allow = 10.0.0.5'], /invalid users = bob/],
    [[...open, 'InvalidUsers = bob', 'hosts allow = 10.0.0.5'], /invalid users = bob/],
    [['writeable = no', 'public = yes', 'hosts allow = 10.0.0.5'], /read only/],
    [['read only = no', 'public = yes', 'deny hosts = 10.0.0.7'], /hosts deny = 10\.0\.0\.7/],
    [[...open, 'copy = base'], /copy = base/],
  ])('%j stands in the way', (lines, reason) => {
    expect(accessOfSection(section(...lines)).obstacles).toContainEqual(
      expect.stringMatching(reason),
    );
  });
});

test.each([
  ['NFS', '10.0.0.5:/srv/old', '/srv/old'],
  ['NFS', '[2001:db8::5]:/srv/old/', '/srv/old'],
  ['NFS', 'nas.example.org:/old', '/old'],
  ['CIFS', '\\\\10.0.0.5\\Old', 'Old'],
] as const)('a %s location %s names %s', (protocol, location, name) => {
  expect(exportedName(protocol, location)).toBe(name);
});

test.each([
  ['NFS', '10.0.0.5:/'],
  ['NFS', '/srv/old'],
  ['NFS', '10.0.0.5:/srv/../etc'],
  ['NFS', '10.0.0.5:/srv/o ld'],
  ['NFS', '\\\\10.0.0.5\\Old'],
  ['CIFS', '//10.0.0.5/Old'],
  ['CIFS', '\\\\10.0.0.5\\Old\\deeper'],
  ['CIFS', '\\\\10.0.0.5\\a;b'],
  ['CIFS', '\\\\10.0.0.5\\Homes'],
  ['CIFS', '\\\\10.0.0.5\\global'],
  ['CIFS', '\\\\10.0.0.5\\printers'],
] as const)('a %s location %s is refused, with the form it should have', (protocol, location) => {
  expect(validateExportLocation(protocol, location)).toMatch(/is not of the form .*ADDRESS/);
});
