import { expect, test } from 'vitest';
import type { AccessRule, ShareView } from '../../client/index.js';
import { compareAccess } from '../../faults/oracles/access.js';
import { whoGetsIn } from '../../faults/oracles/samba.js';

const section = (parameters: Record<string, string>, name = 'share-x') =>
  [
    `[${name}]`,
    ...Object.entries(parameters).map(([key, value]) => `\t${key} = ${value}`),
    '',
  ].join('\n');

/** As apply-cifs-share writes it. */
const byAddress = {
  path: '/shares/share-x',
  'read only': 'no',
  'guest ok': 'yes',
  'guest only': 'yes',
  browseable: 'yes',
  'hosts deny': 'ALL',
  'hosts allow': '127.0.0.1 10.20.0.7 10.20.8.0/24',
};

/** As apply-cifs-users writes it. */
const byUser = {
  path: '/shares/share-x',
  available: 'yes',
  'read only': 'yes',
  'guest ok': 'no',
  'valid users': 'bob alice',
  'read list': 'bob',
  'write list': 'alice',
};

const without = (parameters: Record<string, string>, ...keys: string[]) =>
  Object.fromEntries(Object.entries(parameters).filter(([key]) => !keys.includes(key)));

const addresses = ['10.20.0.7 rw', '10.20.8.0/24 rw'];
const users = ['alice rw', 'bob ro'];

test.each<[string, Record<string, string>, string[]]>([
  ['rules for addresses', byAddress, addresses],
  ['no rule for an address', { ...byAddress, 'hosts allow': '127.0.0.1' }, []],
  ['rules for users', byUser, users],
  ['no rule for a user', { ...without(byUser, 'valid users'), available: 'no' }, []],

  // What opens more than the rules.
  ['no list of hosts', without(byAddress, 'hosts allow', 'hosts deny'), ['* rw']],
  ['only one host denied', { ...byAddress, 'hosts deny': '10.20.9.9' }, ['* rw']],
  ['all hosts but one denied', { ...byAddress, 'hosts deny': 'ALL EXCEPT 10.20.9.9' }, ['* rw']],
  ['all hosts allowed', { ...byAddress, 'hosts allow': 'ALL' }, ['* rw']],
  [
    'users beside guests',
    { ...without(byAddress, 'guest only'), 'write list': 'eve' },
    [...addresses, 'eve@10.20.0.7 rw', 'eve@10.20.8.0/24 rw'],
  ],
  ['no list of valid users', without(byUser, 'valid users'), ['* ro', ...users]],
  [
    'guests without one',
    { ...without(byUser, 'valid users'), 'guest ok': 'yes' },
    ['* ro', ...users],
  ],
  ['one more valid user', { ...byUser, 'valid users': 'bob alice, eve' }, [...users, 'eve ro']],
  ['a reader among the writers', { ...byUser, 'write list': 'alice bob' }, ['alice rw', 'bob rw']],
  ['a writable share', { ...byUser, 'read only': 'no', 'read list': '' }, ['alice rw', 'bob rw']],
  [
    'the same by another name',
    { ...without(byUser, 'read only', 'read list'), writeable: 'yes' },
    ['alice rw', 'bob rw'],
  ],
  ['a user who may do all', { ...byUser, 'admin users': 'bob' }, ['alice rw', 'bob rw']],

  // What opens less.
  ['a share that is not available', { ...byAddress, available: 'no' }, []],
  [
    'a share that wants a password',
    { ...byAddress, 'guest ok': 'no' },
    ['*@10.20.0.7 rw', '*@10.20.8.0/24 rw'],
  ],
  [
    'a share to read only',
    { ...byAddress, 'read only': 'yes' },
    ['10.20.0.7 ro', '10.20.8.0/24 ro'],
  ],
  ['a user who is invalid', { ...byUser, 'invalid users': 'alice' }, ['bob ro']],
  [
    'users from one host',
    { ...byUser, 'hosts allow': '10.20.0.7' },
    ['alice@10.20.0.7 rw', 'bob@10.20.0.7 ro'],
  ],
])('Samba lets in by %s', (_, parameters, expected) => {
  expect(whoGetsIn(section(parameters), 'share-x')).toEqual(expected.toSorted());
});

test('what a section does not say is as in [global], and another one may serve the same files', () => {
  const silent = section(without(byAddress, 'guest ok'));
  expect(whoGetsIn(silent + section({ 'guest ok': 'yes' }, 'global'), 'SHARE-X')).toEqual(
    addresses,
  );
  const other = section({ path: '/shares/share-x', 'guest ok': 'yes' }, 'open');
  expect(whoGetsIn(section(byAddress) + other, 'share-x')).toEqual(['* ro', ...addresses]);
  expect(whoGetsIn(section(byAddress, 'share-y'), 'share-x')).toEqual([]);
});

const rule = (to: string, level: 'rw' | 'ro', state = 'active') =>
  ({ to, level, state }) as AccessRule;

const findingsOf = (accessRules: AccessRule[], parameters: Record<string, string>) => {
  const share = {
    id: 'x',
    status: 'available',
    protocol: 'CIFS',
    accessRules,
    exportLocations: [{ path: '\\\\10.254.0.5\\share-x', adminOnly: false }],
  } as Partial<ShareView> as ShareView;
  const guest = { serverId: 's', lines: [], mounts: [], nfs: [], registry: section(parameters) };
  return compareAccess({ shares: [share], guests: [guest], instances: [], holdings: {} });
};

test('a share is as open as its rules say, and anything else is told', () => {
  const rules = [rule('10.20.0.7', 'rw'), rule('10.20.8.0/24', 'rw')];
  expect(findingsOf(rules, byAddress)).toEqual([]);
  expect(findingsOf(rules, without(byAddress, 'hosts deny', 'hosts allow'))).toEqual([
    {
      outcome: 'lost',
      text: 'access to x is (* rw), its rules are (10.20.0.7 rw, 10.20.8.0/24 rw)',
    },
  ]);
  expect(findingsOf([rule('10.20.0.7', 'rw')], byAddress)).toHaveLength(1);
  const named = [rule('alice', 'rw'), rule('bob', 'ro')];
  expect(findingsOf(named, byUser)).toEqual([]);
  expect(findingsOf(named, without(byUser, 'valid users'))).toHaveLength(1);
  expect(findingsOf([rule('alice', 'rw'), rule('bob', 'ro', 'error')], byUser)).toEqual([]);
});
