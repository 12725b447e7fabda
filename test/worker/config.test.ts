import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ConfigError, checkConfig, loadConfig, readConfig } from '../../worker/config.js';
import { knownOptions } from '../../worker/options/groups.js';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'hawser-config-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

function load(text: string) {
  const file = join(directory, 'hawser.yaml');
  writeFileSync(file, text);
  return loadConfig(file);
}

function problemsOf(text: string): string[] {
  try {
    load(text);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

const keys = `
  service_instance_user: manila
  path_to_private_key: k
  path_to_public_key: k.pub
`;

test("a backend's own option counts first, then defaults, then Manila's", () => {
  const [backend] = load(`
defaults:${keys}  service_network_division_mask: 27
  volume_name_template: s-%s
backends:
  one:
    volume_name_template: one-%s
    service_instance_flavor_id: 7
`);
  expect(backend).toMatchObject({
    name: 'one',
    volume_name_template: 'one-%s',
    service_network_division_mask: 27,
    service_network_cidr: '10.254.0.0/16',
    service_instance_flavor_id: '7',
    max_time_to_build_instance: 300,
  });
});

test('all mistakes are reported at once, each with its key', () => {
  const problems = problemsOf(`
backends:
  one:
    service_instance_user: manila
    path_to_private_key: k
    service_network_cidr: 10.254.0.0
    volume_name_template: no-place-for-an-id
    share_mount_path: /sh ares
    service_instnce_flavor_id: '1'
  two:
    service_network_cidr: 10.0.0.0/24
    service_network_division_mask: 16
`);
  const about = (key: string) => problems.filter((problem) => problem.startsWith(`${key}:`));
  for (const key of [
    'backends.one.service_network_cidr',
    'backends.one.volume_name_template',
    'backends.one.share_mount_path',
    'backends.one.service_instnce_flavor_id',
    'backends.two.service_instance_user',
  ]) {
    expect(about(key), key).toHaveLength(1);
  }
});

test('a division mask that is wider than the whole network is refused', () => {
  expect(
    problemsOf(`
defaults:${keys}
backends:
  one:
    service_network_cidr: 10.0.0.0/24
    service_network_division_mask: 16
`),
  ).toEqual([expect.stringContaining('service_network_division_mask')]);
});

test("this host's way into the service network has Manila's names", () => {
  const driversOf = (driver: string) =>
    load(`{defaults: {${keys.trim().replaceAll(/\n\s*/g, ', ')}}, backends: {one: ${driver}}}`)[0];
  expect(driversOf('{}')).toMatchObject({
    interface_driver: 'noop',
    ovs_integration_bridge: 'br-int',
    host: hostname(),
  });
  for (const [name, driver] of [
    ['NoopInterfaceDriver', 'noop'],
    ['BridgeInterfaceDriver', 'bridge'],
    ['OVSInterfaceDriver', 'openvswitch'],
  ]) {
    const path = `manila.network.linux.interface.${name}`;
    expect(driversOf(`{interface_driver: ${path}}`)?.interface_driver).toBe(driver);
  }
});

test("share_helpers decide what access rules name, by Manila's words or shorter ones", () => {
  const helpersOf = (text: string) =>
    load(`{defaults: {${keys.trim().replaceAll(/\n\s*/g, ', ')}}, backends: {one: ${text}}}`)[0]
      ?.share_helpers;
  const byAddress = { NFS: 'NFSHelper', CIFS: 'CIFSHelperIPAccess' };
  const byUser = { NFS: 'NFSHelper', CIFS: 'CIFSHelperUserAccess' };
  expect(helpersOf('{}')).toEqual(byAddress);
  const helpers = 'manila.share.drivers.helpers';
  for (const written of [
    `'CIFS=${helpers}.CIFSHelperUserAccess, NFS=${helpers}.NFSHelper'`,
    `[CIFS=${helpers}.CIFSHelperUserAccess, NFS=${helpers}.NFSHelper]`,
    '[CIFS=UserAccess, NFS=NFSHelper]',
    '[CIFS=user, NFS=ip]',
  ]) {
    expect(helpersOf(`{share_helpers: ${written}}`), written).toEqual(byUser);
  }
  expect(helpersOf('{share_helpers: [NFS=NFSHelper]}')).toEqual({ NFS: 'NFSHelper' });
  expect(
    problemsOf(`
defaults:${keys}
backends:
  one: { share_helpers: [CIFS=NFSHelper, HDFS=x, NFS] }
`),
  ).toEqual(
    ['CIFS=NFSHelper', 'HDFS=x', 'NFS'].map((entry) =>
      expect.stringMatching(`^backends\\.one\\.share_helpers: "${entry}" is no helper`),
    ),
  );
});

test('a proxy beside a driver, and an unknown driver, are refused', () => {
  expect(
    problemsOf(`
defaults:${keys}
backends:
  one: { interface_driver: bridge, ssh_proxy: 'http://proxy:3128' }
  two: { interface_driver: bridges }
`),
  ).toEqual([
    expect.stringMatching(/^backends\.one\.ssh_proxy: .*interface_driver bridge/),
    expect.stringMatching(/^backends\.two\.interface_driver: .*openvswitch/),
  ]);
});

test('two networks that one host would be in have different addresses', () => {
  const problems = problemsOf(`
defaults:${keys}  interface_driver: bridge
backends:
  one: { service_network_cidr: 10.0.0.0/16 }
  same: { service_network_cidr: 10.0.0.0/16 }
  inside: { service_network_cidr: 10.0.128.0/20, service_network_name: other }
  beside: { service_network_cidr: 10.1.0.0/16, service_network_name: another }
  routed: { service_network_cidr: 10.0.0.0/8, service_network_name: far, interface_driver: noop }
`);
  expect(problems).toEqual([
    expect.stringMatching(/^backends\.inside\.service_network_cidr: overlaps that of one,/),
    expect.stringMatching(/^backends\.inside\.service_network_cidr: overlaps that of same,/),
  ]);
});

test('keys are looked for in the home directory, and a password does without them', () => {
  const [keyed, open] = load(`
defaults: { service_instance_user: manila }
backends:
  keyed: { path_to_private_key: ~/.ssh/manila }
  open: { service_instance_password: s3cret }
`);
  expect(keyed).toMatchObject({
    path_to_private_key: join(homedir(), '.ssh/manila'),
    path_to_public_key: join(homedir(), '.ssh/id_rsa.pub'),
  });
  expect(open?.path_to_private_key).toBeUndefined();
  expect(open?.service_instance_password?.reveal()).toBe('s3cret');
  expect(inspect(open, { depth: 9 }) + JSON.stringify(open)).not.toContain('s3cret');
});

test('a backend without key and without password, or with half of an admin network, says so', () => {
  const inBackend = (options: string) =>
    problemsOf(`backends: {one: {service_instance_user: manila, ${options}}}`);
  expect(inBackend('admin_network_id: n')).toEqual([
    expect.stringMatching(/^backends\.one\.admin_subnet_id: needed with admin_network_id/),
    expect.stringMatching(/^backends\.one\.path_to_private_key: .*service_instance_password/),
  ]);
  expect(inBackend('path_to_private_key: k, admin_subnet_id: s')).toEqual([
    expect.stringMatching(/^backends\.one\.admin_network_id: needed with admin_subnet_id/),
  ]);
});

test('limited SSH access does not lock this host out, and is the same for one security group', () => {
  const key = 'service_instance_user: manila, path_to_private_key: k, limit_ssh_access: true';
  const inBackend = (options: string) => problemsOf(`backends: {one: {${key}, ${options}}}`);
  expect(inBackend('interface_driver: noop')).toEqual([
    expect.stringMatching(/^backends\.one\.ssh_allowed_from: needed with limit_ssh_access/),
  ]);
  expect(inBackend('ssh_allowed_from: [nowhere]')).toEqual([
    expect.stringMatching(/^backends\.one\.ssh_allowed_from\.0: an IPv4 or IPv6 prefix/),
  ]);
  for (const way of [
    'interface_driver: bridge',
    "ssh_allowed_from: [192.0.2.0/24, '2001:db8::/64']",
    'admin_network_id: n, admin_subnet_id: s',
  ]) {
    expect(inBackend(way), way).toEqual([]);
  }
  const other = 'service_instance_user: manila, path_to_private_key: k';
  const both = (more: string) =>
    problemsOf(`backends: {one: {${key}, ssh_allowed_from: [10.0.0.0/8]}, two: {${other}${more}}}`);
  expect(both('')).toEqual([
    expect.stringMatching(/^backends\.two\.limit_ssh_access: differs from that of one/),
  ]);
  expect(both(', service_instance_security_group: own')).toEqual([]);
  expect(both(', os_cloud: elsewhere')).toEqual([]);
});

test('a file that is missing, not YAML, or without backends says so', () => {
  expect(() => loadConfig(join(directory, 'nothing.yaml'))).toThrow(
    /nothing\.yaml.*\n.*can't be read/,
  );
  expect(problemsOf('a: [')).not.toEqual([]);
  expect(problemsOf('backends: {}')).toEqual(['backends: at least one backend expected']);
});

test.each([
  ['an alias of nothing', 'backends:\n  a: *nothing\n', /Unresolved alias/],
  [
    'aliases that grow beyond all bounds',
    `a: &a [1,1,1,1,1,1,1,1,1]\n${['ab', 'bc', 'cd', 'de'].map(([from, to]) => `${to}: &${to} [${Array(9).fill(`*${from}`).join()}]`).join('\n')}`,
    /Excessive alias count/,
  ],
])('%s: the file is refused', (_what, text, reason) => {
  expect(problemsOf(text)).toEqual([expect.stringMatching(reason)]);
});

test('a mistyped option is told the name that is nearest', () => {
  expect(
    problemsOf(`
defaults:${keys}
backends:
  one: { service_instnce_flavor_id: '1', colour: red }
`),
  ).toEqual([
    'backends.one.service_instnce_flavor_id: no such option; did you mean service_instance_flavor_id?',
    'backends.one.colour: no such option',
  ]);
});

test('what is wrong in the defaults is told once, under its own name', () => {
  const problems = problemsOf(`
defaults:${keys}  share_volume_fstype: xfs
  colour: red
backends: { one: {}, two: {}, three: { share_volume_fstype: ext3 } }
`);
  expect(problems).toEqual([
    expect.stringMatching(/^defaults\.share_volume_fstype: .*ext4/),
    'defaults.colour: no such option',
  ]);
});

test('a missing option says what it is for', () => {
  expect(problemsOf('backends: { one: {} }')).toContainEqual(
    expect.stringMatching(/^backends\.one\.service_instance_user: has to be set: whom workers log/),
  );
});

test('backends that are not served need not be complete, and ones that are not there are refused', () => {
  const file = join(directory, 'hawser.yaml');
  writeFileSync(
    file,
    `{defaults: {${keys.trim().replaceAll(/\n\s*/g, ', ')}}, backends: {one: , two: {colour: red}}}`,
  );
  expect(loadConfig(file, ['one'])).toEqual([expect.objectContaining({ name: 'one' })]);
  expect(() => loadConfig(file, ['one', 'two'])).toThrow(/colour/);
  expect(() => loadConfig(file, ['three'])).toThrow(
    /backends\.three: there is no such backend; there are: one, two/,
  );
});

test('where Manila has two options for one thing, the narrower one counts', () => {
  const [backend] = load(`
defaults:${keys}  host: controller
  storage_availability_zone: nova
  max_shares_per_share_server: -1
backends:
  one: { service_network_host: net1, backend_availability_zone: az2 }
`);
  expect(backend).toMatchObject({
    host: 'net1',
    storage_availability_zone: 'az2',
    max_shares_per_share_server: 26,
  });
});

test('an option without effect is accepted, with a note that says why', () => {
  const file = join(directory, 'hawser.yaml');
  const text = `defaults:${keys}  ssh_min_pool_conn: 1\nbackends: { one: { num_shell_tries: 3 } }`;
  writeFileSync(file, text);
  const { problems, notes } = checkConfig(readConfig(file));
  expect(problems).toEqual([]);
  expect(notes).toEqual([
    expect.stringMatching(/^defaults\.ssh_min_pool_conn has no effect: \w/),
    expect.stringMatching(/^backends\.one\.num_shell_tries has no effect: \w/),
  ]);
});

test('every option says in one line of its own what it is for', () => {
  const names = new Map(knownOptions.map(({ name, meaning }) => [meaning, name]));
  for (const { name, meaning, noEffect } of knownOptions) {
    expect(meaning, name).toMatch(/^\S.+$/);
    expect(names.get(meaning)).toBe(name);
    if (noEffect !== undefined) expect(noEffect, name).toMatch(/^\S.+$/);
  }
});

test('shares are ensured each hour unless the configuration says otherwise', () => {
  const intervals = load(`
defaults:${keys}
backends:
  usual: {}
  never: { ensure_shares_interval: 0 }
`).map((backend) => backend.ensure_shares_interval);
  expect(intervals).toEqual([60, 0]);
  const often = `backends: { one: { ensure_shares_interval: -1, ${keys.trim().replaceAll('\n', ',')} } }`;
  expect(problemsOf(often)).toEqual([expect.stringContaining('one.ensure_shares_interval')]);
});
