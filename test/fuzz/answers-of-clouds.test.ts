/** Each kind of answer of a cloud with anything in it: read right, or refused in words. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { path } from '../../openstack/query.js';
import { PROJECT_ID } from '../openstack/fake-cloud.js';
import { expectFailure } from './failures.js';
import { withFakeCloud } from './fake-cloud.js';
import { bodyOf } from './mutated-answers.js';
import { holds, patience } from './properties.js';

const openstack = withFakeCloud();

const server = {
  id: 's1',
  name: 'one',
  status: 'ACTIVE',
  'OS-EXT-STS:task_state': 'spawning',
  fault: { code: 500, message: 'No valid host' },
  metadata: { a: 'b' },
  created: '2026-01-01T00:00:00Z',
  addresses: { net: [{ addr: '10.0.0.5', 'OS-EXT-IPS-MAC:mac_addr': 'fa:16:3e:00:00:01' }] },
  key_name: 'key',
};
const keypair = { name: 'key', public_key: 'ssh-ed25519 A', fingerprint: 'f', created_at: null };
const flavor = { id: 'f1', name: 'small', vcpus: 1, ram: 512, disk: 5 };
const attachment = { serverId: 's1', volumeId: 'v1', device: '/dev/vdb' };
const action = { action: 'create', request_id: 'r1', start_time: '2026-01-01T00:00:00' };
const volume = {
  id: 'v1',
  name: 'n',
  status: 'available',
  size: 1,
  metadata: { a: 'b' },
  attachments: [{ server_id: 's1', attachment_id: 'a1', device: null }],
  snapshot_id: 'p1',
  volume_type: 'fast',
  availability_zone: 'nova',
  created_at: '2026-01-01T00:00:00',
};
const snapshot = {
  id: 'p1',
  name: 'n',
  status: 'available',
  size: 1,
  volume_id: 'v1',
  metadata: { a: 'b' },
  created_at: '2026-01-01T00:00:00',
};
const limits = {
  absolute: {
    maxTotalVolumes: 10,
    maxTotalVolumeGigabytes: 100,
    totalVolumesUsed: 1,
    totalGigabytesUsed: 1,
  },
};
const common = { name: 'n', description: 'd', project_id: PROJECT_ID, tags: ['t'] };
const network = {
  id: 'n1',
  ...common,
  status: 'ACTIVE',
  shared: false,
  mtu: 1450,
  subnets: ['b1'],
  'router:external': false,
};
const subnet = {
  id: 'b1',
  ...common,
  network_id: 'n1',
  cidr: '10.0.0.0/24',
  ip_version: 4,
  gateway_ip: '10.0.0.1',
  enable_dhcp: true,
};
const port = {
  id: 'q1',
  ...common,
  network_id: 'n1',
  mac_address: 'fa:16:3e:00:00:01',
  device_id: 's1',
  device_owner: 'compute:nova',
  security_groups: ['g1'],
  status: 'ACTIVE',
  fixed_ips: [{ subnet_id: 'b1', ip_address: '10.0.0.5' }],
  admin_state_up: true,
  revision_number: 3,
  'binding:host_id': 'h',
  'binding:vif_type': 'ovs',
};
const router = {
  id: 'r1',
  ...common,
  status: 'ACTIVE',
  admin_state_up: true,
  external_gateway_info: { network_id: 'n1' },
};
const group = { id: 'g1', ...common };
const rule = {
  id: 'u1',
  description: '',
  project_id: PROJECT_ID,
  security_group_id: 'g1',
  direction: 'ingress',
  ethertype: 'IPv4',
  protocol: 'tcp',
  port_range_min: 22,
  port_range_max: 22,
  remote_ip_prefix: '10.0.0.0/24',
  remote_group_id: 'g1',
};
const image = {
  id: 'i1',
  name: 'debian',
  status: 'active',
  min_disk: 1,
  min_ram: 1,
  size: 1,
  visibility: 'public',
  created_at: '2026-01-01T00:00:00Z',
};

const nova = '/compute/v2.1';
const cinder = `/block-storage/v3/${PROJECT_ID}`;
const neutron = '/network/v2.0';

/** The call, where it is sent, and what a sound cloud answers. */
type Kind = [call: () => Promise<unknown>, at: string, answer: object];
const kinds: Record<string, Kind> = {
  server: [
    async () => openstack.cloud.compute.getServer('s1'),
    `GET ${nova}/servers/s1`,
    { server },
  ],
  servers: [
    async () => openstack.cloud.compute.listServers({ nameContains: 'o' }),
    `GET ${nova}/servers/detail`,
    { servers: [server] },
  ],
  'new server': [
    async () => openstack.cloud.compute.createServer({ name: 'n', flavorId: 'f', portIds: [] }),
    `POST ${nova}/servers`,
    { server: { id: 's1' } },
  ],
  actions: [
    async () => openstack.cloud.compute.listActions('s1'),
    `GET ${nova}/servers/s1/os-instance-actions`,
    { instanceActions: [action] },
  ],
  console: [
    async () => openstack.cloud.compute.getConsoleLog('s1', 5),
    `POST ${nova}/servers/s1/action`,
    { output: 'text' },
  ],
  keypair: [
    async () => openstack.cloud.compute.findKeypair('key'),
    `GET ${nova}/os-keypairs/key`,
    { keypair },
  ],
  keypairs: [
    async () => openstack.cloud.compute.listKeypairs(),
    `GET ${nova}/os-keypairs`,
    { keypairs: [{ keypair }] },
  ],
  'new keypair': [
    async () => openstack.cloud.compute.createKeypair({ name: 'key', publicKey: 'p' }),
    `POST ${nova}/os-keypairs`,
    { keypair },
  ],
  flavor: [
    async () => openstack.cloud.compute.getFlavor('f1'),
    `GET ${nova}/flavors/f1`,
    { flavor },
  ],
  flavors: [
    async () => openstack.cloud.compute.listFlavors(),
    `GET ${nova}/flavors/detail`,
    { flavors: [flavor] },
  ],
  attachment: [
    async () => openstack.cloud.compute.findAttachment('s1', 'v1'),
    `GET ${nova}/servers/s1/os-volume_attachments/v1`,
    { volumeAttachment: attachment },
  ],
  attachments: [
    async () => openstack.cloud.compute.listAttachments('s1'),
    `GET ${nova}/servers/s1/os-volume_attachments`,
    { volumeAttachments: [attachment] },
  ],
  'new attachment': [
    async () => openstack.cloud.compute.attachVolume('s1', 'v1'),
    `POST ${nova}/servers/s1/os-volume_attachments`,
    { volumeAttachment: attachment },
  ],
  volume: [
    async () => openstack.cloud.blockStorage.getVolume('v1'),
    `GET ${cinder}/volumes/v1`,
    { volume },
  ],
  volumes: [
    async () => openstack.cloud.blockStorage.listVolumes({ metadata: { a: 'b' } }),
    `GET ${cinder}/volumes/detail`,
    { volumes: [volume] },
  ],
  snapshot: [
    async () => openstack.cloud.blockStorage.getSnapshot('p1'),
    `GET ${cinder}/snapshots/p1`,
    { snapshot },
  ],
  snapshots: [
    async () => openstack.cloud.blockStorage.listSnapshots({ volumeId: 'v1' }),
    `GET ${cinder}/snapshots/detail`,
    { snapshots: [snapshot] },
  ],
  zones: [
    async () => openstack.cloud.blockStorage.listAvailabilityZones(),
    `GET ${cinder}/os-availability-zone`,
    { availabilityZoneInfo: [{ zoneName: 'nova', zoneState: { available: true } }] },
  ],
  types: [
    async () => openstack.cloud.blockStorage.listVolumeTypes(),
    `GET ${cinder}/types`,
    { volume_types: [{ id: 't1', name: 'fast' }] },
  ],
  limits: [
    async () => openstack.cloud.blockStorage.getLimits(),
    `GET ${cinder}/limits`,
    { limits },
  ],
  networks: [
    async () => openstack.cloud.network.listNetworks(),
    `GET ${neutron}/networks`,
    { networks: [network] },
  ],
  subnets: [
    async () => openstack.cloud.network.listSubnets({ network_id: 'n1' }),
    `GET ${neutron}/subnets`,
    { subnets: [subnet] },
  ],
  ports: [
    async () => openstack.cloud.network.listPorts(),
    `GET ${neutron}/ports`,
    { ports: [port] },
  ],
  'changed port': [
    async () => openstack.cloud.network.updatePort('q1', { hostId: 'h' }),
    `PUT ${neutron}/ports/q1`,
    { port },
  ],
  router: [
    async () => openstack.cloud.network.findRouter('r1'),
    `GET ${neutron}/routers/r1`,
    { router },
  ],
  routers: [
    async () => openstack.cloud.network.listRouters(),
    `GET ${neutron}/routers`,
    { routers: [router] },
  ],
  'router interface': [
    async () => openstack.cloud.network.addRouterInterface('r1', { subnetId: 'b1' }),
    `PUT ${neutron}/routers/r1/add_router_interface`,
    { port_id: 'q1' },
  ],
  groups: [
    async () => openstack.cloud.network.listSecurityGroups(),
    `GET ${neutron}/security-groups`,
    { security_groups: [group] },
  ],
  rules: [
    async () => openstack.cloud.network.listSecurityGroupRules(),
    `GET ${neutron}/security-group-rules`,
    { security_group_rules: [rule] },
  ],
  'new rule': [
    async () =>
      openstack.cloud.network.createSecurityGroupRule({
        securityGroupId: 'g1',
        direction: 'ingress',
        ethertype: 'IPv4',
      }),
    `POST ${neutron}/security-group-rules`,
    { security_group_rule: rule },
  ],
  image: [async () => openstack.cloud.image.getImage('i1'), 'GET /image/v2/images/i1', image],
  images: [
    async () => openstack.cloud.image.findImages({ name: 'debian' }),
    'GET /image/v2/images',
    { images: [image] },
  ],
};

/** Names of fields whose values become parts of paths, of names of devices and of arguments. */
const isId = (key: string): boolean => /^id$|Ids?$/.test(key);

/** Each field of the same kind as a sound cloud's, or nothing; ids can be asked for. */
function expectLike(value: unknown, sound: unknown, where: string): void {
  if (value === null || value === undefined || sound === null || sound === undefined) return;
  if (Array.isArray(sound)) {
    expect(Array.isArray(value), where).toBe(true);
    for (const one of value as unknown[]) {
      expect(one, where).not.toBeNull();
      expectLike(one, sound[0], where);
    }
    return;
  }
  expect(typeof value, where).toBe(typeof sound);
  if (typeof value === 'number') {
    expect(Number.isSafeInteger(value), `${where} ${value}`).toBe(true);
  }
  if (typeof value !== 'object') return;
  expect(Array.isArray(value), where).toBe(false);
  for (const [key, one] of Object.entries(value)) {
    if (key.endsWith('At') && one) expect(Date.parse(String(one)), where).not.toBeNaN();
    if (where.endsWith('metadata')) expect(one, where).toBeTypeOf('string');
    else expectLike(one, (sound as Record<string, unknown>)[key], `${where}.${key}`);
    for (const id of isId(key) ? [one].flat() : []) expectId(id, `${where}.${key}`);
  }
}

/** What an API calls by it, a program takes for a word. */
function expectId(id: unknown, where: string): void {
  if (id === null || id === undefined || /project|device|flavor|request|host/i.test(where)) return;
  expect(id, where).toMatch(/^[A-Za-z0-9][A-Za-z0-9_.-]*$/);
  expect(path`/${id as string}`).toBe(`/${id as string}`);
}

describe('an answer of a cloud', { timeout: patience }, () => {
  test('is of the kind that it should be', async () => {
    const input = fc
      .constantFrom(...Object.keys(kinds))
      .chain((name) => fc.tuple(fc.constant(name), bodyOf(kinds[name]?.[2] ?? {})));
    const sound = new Map<string, unknown>();
    for (const [name, [call, at, answer]] of Object.entries(kinds)) {
      openstack.fake.on(at, { json: answer });
      sound.set(name, await call());
    }
    await holds('kinds of answers', input, async ([name, text]) => {
      const [call, at] = kinds[name] ?? [];
      if (!call || at === undefined) throw new Error(`there is no kind ${name}`);
      openstack.fake.on(at, { text });
      const outcome = await call().then(
        (value) => ({ value }),
        (error: unknown) => ({ error }),
      );
      if ('error' in outcome) expectFailure(outcome.error);
      else expectLike(outcome.value, sound.get(name), name);
    });
  });
});
