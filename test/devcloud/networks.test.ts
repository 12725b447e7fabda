import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { pick, startTestCloud, type Answer, type Speaker, type TestCloud } from './test-cloud.js';

let cloud: TestCloud;
let demo: Speaker;
let admin: Speaker;

beforeAll(async () => {
  cloud = await startTestCloud();
  [demo, admin] = await Promise.all([cloud.as('demo'), cloud.as('admin')]);
});

afterAll(async () => {
  await cloud?.remove();
});

const post = (kind: string, body: object, who = demo): Promise<Answer> =>
  who.neutron('POST', `/${kind.replaceAll('_', '-')}s`, { [kind]: body });
const make = async (kind: string, body: object, who = demo): Promise<string> =>
  pick(await post(kind, body, who), `${kind}.id`);
const remove = async (kind: string, id: string): Promise<Answer> =>
  demo.neutron('DELETE', `/${kind.replaceAll('_', '-')}s/${id}`);
const refusal = (answer: Answer) => `${answer.status} ${pick(answer, 'NeutronError.type')}`;
const reason = (answer: Answer) => pick(answer, 'NeutronError.message');

async function netWithSubnet(cidr: string, more: object = {}) {
  const network = await make('network', { name: cidr });
  const subnet = await make('subnet', { network_id: network, ip_version: 4, cidr, ...more });
  return { network, subnet };
}

/** Everything on a network, and the network. */
async function clear({ network }: { network: string }): Promise<void> {
  const ports = await demo.neutron(
    'GET',
    `/ports?network_id=${network}&fields=id&fields=device_owner`,
  );
  for (const [, id] of ports.text.matchAll(/"id":"([^"]+)","device_owner":""/g)) {
    await remove('port', String(id));
  }
  expect((await remove('network', network)).status).toBe(204);
}

describe('addresses', () => {
  test('are given from the pools until there are none', async () => {
    const net = await netWithSubnet('10.40.0.0/29', { enable_dhcp: false });
    const given = [];
    for (let count = 0; count < 5; count += 1) {
      const made = await post('port', { network_id: net.network });
      given.push(pick(made, 'port.fixed_ips.0.ip_address'));
    }
    expect(given).toEqual(['10.40.0.2', '10.40.0.3', '10.40.0.4', '10.40.0.5', '10.40.0.6']);
    const none = await post('port', { network_id: net.network });
    expect(refusal(none)).toBe('409 IpAddressGenerationFailure');
    expect(reason(none)).toBe(`No more IP addresses available on network ${net.network}.`);
    await clear(net);
  });

  test('that are taken, outside or of another subnet are refused', async () => {
    const net = await netWithSubnet('10.41.0.0/24');
    const at = (ip: object) => post('port', { network_id: net.network, fixed_ips: [ip] });
    expect((await at({ ip_address: '10.41.0.50' })).status).toBe(201);
    expect(refusal(await at({ ip_address: '10.41.0.50' }))).toBe('409 IpAddressAlreadyAllocated');
    expect(refusal(await at({ ip_address: '10.99.0.1' }))).toBe('400 InvalidIpForNetwork');
    expect(refusal(await at({ ip_address: '10.99.0.1', subnet_id: net.subnet }))).toBe(
      '400 InvalidIpForSubnet',
    );
    expect(refusal(await at({ subnet_id: net.network }))).toBe('400 InvalidInput');
    await clear(net);
  });

  test('of DHCP servers belong to Neutron, and go with the subnet', async () => {
    const net = await netWithSubnet('10.42.0.0/24');
    const dhcp = `/ports?network_id=${net.network}&device_owner=network:dhcp`;
    expect(pick(await demo.neutron('GET', dhcp), 'ports.0.fixed_ips.0.ip_address')).toBe(
      '10.42.0.2',
    );
    expect((await remove('subnet', net.subnet)).status).toBe(204);
    expect((await demo.neutron('GET', dhcp)).body).toEqual({ ports: [] });
    await clear(net);
  });

  test('are of both versions where a network has both', async () => {
    const net = await netWithSubnet('10.43.0.0/24');
    await make('subnet', { network_id: net.network, ip_version: 6, cidr: '2001:db8::/64' });
    const made = await post('port', { network_id: net.network });
    expect(made.body).toMatchObject({
      port: { fixed_ips: [{ ip_address: '10.43.0.3' }, { ip_address: '2001:db8::3' }] },
    });
    await clear(net);
  });
});

describe('a subnet', () => {
  test('may overlap those of other networks, but not of its own', async () => {
    const [one, other] = [await netWithSubnet('10.50.0.0/24'), await netWithSubnet('10.50.0.0/24')];
    const refused = await post('subnet', {
      network_id: one.network,
      ip_version: 4,
      cidr: '10.50.0.128/25',
    });
    expect(refusal(refused)).toBe('400 InvalidInput');
    expect(reason(refused)).toBe(
      `Invalid input for operation: Requested subnet with cidr: 10.50.0.128/25 for network: ${one.network} overlaps with another subnet.`,
    );
    await clear(one);
    await clear(other);
  });

  test.each([
    [{ cidr: 'nonsense' }, '400 InvalidInput'],
    [{ cidr: '10.51.0.0/24', gateway_ip: '10.52.0.1' }, '400 InvalidInput'],
    [{ cidr: '10.51.0.0/24', ip_version: 6 }, '400 InvalidInput'],
    [{}, '400 BadRequest'],
    [{ cidr: '10.51.0.0/24', colour: 'blue' }, '400 HTTPBadRequest'],
    [
      { cidr: '10.51.0.0/24', allocation_pools: [{ start: '10.51.0.1', end: '10.51.0.9' }] },
      '409 GatewayConflictWithAllocationPools',
    ],
    [
      { cidr: '10.51.0.0/24', allocation_pools: [{ start: '10.51.1.1', end: '10.51.1.9' }] },
      '400 OutOfBoundsAllocationPool',
    ],
  ])('is refused with %j', async (subnet, expected) => {
    const network = await make('network', {});
    expect(refusal(await post('subnet', { network_id: network, ip_version: 4, ...subnet }))).toBe(
      expected,
    );
    await remove('network', network);
  });

  test('without a gateway has none, and no router takes it', async () => {
    const net = await netWithSubnet('10.53.0.0/24', { gateway_ip: null });
    const shown = await demo.neutron('GET', `/subnets/${net.subnet}`);
    expect(shown.body).toMatchObject({
      subnet: { gateway_ip: null, allocation_pools: [{ start: '10.53.0.1' }] },
    });
    const router = await make('router', {});
    const refused = await demo.neutron('PUT', `/routers/${router}/add_router_interface`, {
      subnet_id: net.subnet,
    });
    expect(reason(refused)).toBe(
      'Bad router request: Subnet for router interface must have a gateway IP.',
    );
    await remove('router', router);
    await clear(net);
  });
});

describe('what is used', () => {
  test('is not deleted: network, subnet, group, router', async () => {
    const net = await netWithSubnet('10.60.0.0/24');
    const group = await make('security_group', { name: 'g' });
    const port = await make('port', { network_id: net.network, security_groups: [group] });
    const router = await make('router', {});
    await demo.neutron('PUT', `/routers/${router}/add_router_interface`, { subnet_id: net.subnet });
    expect(refusal(await remove('network', net.network))).toBe('409 NetworkInUse');
    expect(refusal(await remove('subnet', net.subnet))).toBe('409 SubnetInUse');
    expect(refusal(await remove('security_group', group))).toBe('409 SecurityGroupInUse');
    expect(refusal(await remove('router', router))).toBe('409 RouterInUse');
    const inner = await demo.neutron('GET', `/ports?device_id=${router}`);
    expect(refusal(await remove('port', pick(inner, 'ports.0.id')))).toBe('409 ServicePortInUse');
    await demo.neutron('PUT', `/routers/${router}/remove_router_interface`, {
      subnet_id: net.subnet,
    });
    for (const [kind, id] of [
      ['port', port],
      ['security_group', group],
      ['router', router],
    ] as const) {
      expect((await remove(kind, id)).status).toBe(204);
    }
    await clear(net);
  });

  test.each([
    ['network', 'NetworkNotFound'],
    ['subnet', 'SubnetNotFound'],
    ['port', 'PortNotFound'],
    ['router', 'RouterNotFound'],
    ['security_group', 'SecurityGroupNotFound'],
    ['security_group_rule', 'SecurityGroupRuleNotFound'],
  ])('and what is not there: %s', async (kind, type) => {
    expect(refusal(await remove(kind, 'none'))).toBe(`404 ${type}`);
    expect(refusal(await demo.neutron('GET', `/${kind.replaceAll('_', '-')}s/none`))).toBe(
      `404 ${type}`,
    );
  });
});

describe('routers', () => {
  test('take a subnet once, a free port, and no overlapping one', async () => {
    const [one, twin] = [await netWithSubnet('10.61.0.0/24'), await netWithSubnet('10.61.0.0/24')];
    const router = await make('router', {});
    const add = (what: object) =>
      demo.neutron('PUT', `/routers/${router}/add_router_interface`, what);
    expect((await add({ subnet_id: one.subnet })).body).toMatchObject({
      id: router,
      subnet_id: one.subnet,
      network_id: one.network,
    });
    expect(reason(await add({ subnet_id: one.subnet }))).toContain(
      'Router already has a port on subnet',
    );
    expect(reason(await add({ subnet_id: twin.subnet }))).toContain('overlaps with cidr');
    expect(reason(await add({}))).toContain('Either subnet_id or port_id must be specified');
    const taken = await demo.neutron('GET', `/ports?device_id=${router}`);
    expect(refusal(await add({ port_id: pick(taken, 'ports.0.id') }))).toBe('409 PortInUse');
    const off = (what: object) =>
      demo.neutron('PUT', `/routers/${router}/remove_router_interface`, what);
    expect(refusal(await off({ subnet_id: twin.subnet }))).toBe(
      '404 RouterInterfaceNotFoundForSubnet',
    );
    expect((await off({ subnet_id: one.subnet })).status).toBe(200);
    await remove('router', router);
    await clear(one);
    await clear(twin);
  });

  test('have a gateway on an external network only, whose port tenants do not see', async () => {
    const networks = await demo.neutron('GET', '/networks?router:external=true');
    const outside = pick(networks, 'networks.0.id');
    const own = await make('network', {});
    const wrong = await post('router', { external_gateway_info: { network_id: own } });
    expect(reason(wrong)).toContain('is not an external network');
    const router = await make('router', { external_gateway_info: { network_id: outside } });
    expect((await demo.neutron('GET', `/ports?device_id=${router}`)).body).toEqual({ ports: [] });
    const gateway = await admin.neutron('GET', `/ports?device_id=${router}`);
    expect(pick(gateway, 'ports.0.device_owner')).toBe('network:router_gateway');
    expect((await remove('router', router)).status).toBe(204);
    expect((await admin.neutron('GET', `/ports?device_id=${router}`)).body).toEqual({ ports: [] });
    await remove('network', own);
  });
});

describe('security groups', () => {
  test('start with everything out, and the default one with its own members in', async () => {
    const group = await post('security_group', { name: 'fresh' });
    expect(group.text.match(/"direction":"egress"/g)).toHaveLength(2);
    const fallback = await demo.neutron('GET', '/security-groups?name=default');
    expect(fallback.text.match(/"direction":"ingress"/g)).toHaveLength(2);
    expect(refusal(await post('security_group', { name: 'default' }))).toBe(
      '409 SecurityGroupDefaultAlreadyExists',
    );
    const id = pick(fallback, 'security_groups.0.id');
    expect(refusal(await remove('security_group', id))).toMatch(/409/);
    await remove('security_group', pick(group, 'security_group.id'));
  });

  test('refuse the same rule twice, and rules that make no sense', async () => {
    const group = await make('security_group', { name: 'rules' });
    const rule = (more: object) =>
      post('security_group_rule', { security_group_id: group, direction: 'ingress', ...more });
    const ssh = { protocol: 'tcp', port_range_min: 22, port_range_max: 22 };
    const first = pick(await rule(ssh), 'security_group_rule.id');
    const again = await rule(ssh);
    expect(refusal(again)).toBe('409 SecurityGroupRuleExists');
    expect(reason(again)).toBe(`Security group rule already exists. Rule id is ${first}.`);
    expect((await rule({ ...ssh, remote_ip_prefix: '10.0.0.0/8' })).status).toBe(201);
    expect(refusal(await rule({ ...ssh, port_range_min: 30 }))).toBe(
      '400 SecurityGroupInvalidPortRange',
    );
    expect(refusal(await rule({ port_range_min: 1, port_range_max: 2 }))).toBe(
      '400 SecurityGroupProtocolRequiredWithPorts',
    );
    expect(refusal(await rule({ remote_ip_prefix: 'x' }))).toBe('400 HTTPBadRequest');
    expect(refusal(await rule({ remote_ip_prefix: '::/0' }))).toBe(
      '400 SecurityGroupRuleParameterConflict',
    );
    expect(refusal(await rule({ direction: 'sideways' }))).toBe('400 HTTPBadRequest');
    await remove('security_group', group);
  });
});

describe('lists', () => {
  test('filter by any field, several values, addresses and tags', async () => {
    const net = await netWithSubnet('10.70.0.0/24');
    const port = async (name: string, ip: string) =>
      make('port', { network_id: net.network, name, fixed_ips: [{ ip_address: ip }] });
    const [a, b] = [await port('a', '10.70.0.10'), await port('b', '10.70.0.11')];
    const ids = async (query: string) =>
      [
        ...(
          await demo.neutron('GET', `/ports?network_id=${net.network}&fields=id&${query}`)
        ).text.matchAll(/"id":"([^"]+)"/g),
      ].map(([, id]) => id);
    expect(await ids('name=a')).toEqual([a]);
    expect(await ids('name=a&name=b')).toEqual([a, b]);
    expect(await ids('fixed_ips=ip_address%3D10.70.0.11')).toEqual([b]);
    expect(await ids('admin_state_up=False')).toEqual([]);
    expect((await demo.neutron('PUT', `/ports/${a}/tags`, { tags: ['x', 'y'] })).body).toEqual({
      tags: ['x', 'y'],
    });
    expect((await demo.neutron('PUT', `/ports/${b}/tags/x`)).status).toBe(201);
    expect(await ids('tags=x,y')).toEqual([a]);
    expect(await ids('tags-any=x,y')).toEqual([a, b]);
    expect(await ids('not-tags=y')).toContain(b);
    expect(await ids('sort_key=name&sort_dir=desc&name=a&name=b')).toEqual([b, a]);
    expect(await ids('limit=1&name=a&name=b')).toEqual([a]);
    expect((await demo.neutron('DELETE', `/ports/${a}/tags/z`)).status).toBe(404);
    const odd = await demo.neutron('GET', '/ports?colour=blue');
    expect(refusal(odd)).toBe('400 HTTPBadRequest');
    await clear(net);
  });

  test('show a tenant its own, and an administrator everything', async () => {
    const hers = await make('network', { name: 'hers' }, admin);
    const shared = await make('network', { name: 'theirs', shared: true }, admin);
    const seen = (await demo.neutron('GET', '/networks')).text;
    expect(seen).not.toContain(hers);
    expect(seen).toContain(shared);
    expect(refusal(await demo.neutron('GET', `/networks/${hers}`))).toBe('404 NetworkNotFound');
    expect(refusal(await remove('network', hers))).toBe('404 NetworkNotFound');
    expect(refusal(await remove('network', shared))).toBe('403 PolicyNotAuthorized');
    expect(refusal(await post('network', { shared: true }))).toBe('403 PolicyNotAuthorized');
    const own = await make('network', {});
    expect((await admin.neutron('GET', `/networks/${own}`)).status).toBe(200);
    await remove('network', own);
    for (const id of [hers, shared]) await admin.neutron('DELETE', `/networks/${id}`);
  });
});

test('a change counts as a revision, and says when', async () => {
  const made = await post('network', { name: 'old' });
  const id = pick(made, 'network.id');
  const changed = await demo.neutron('PUT', `/networks/${id}`, { network: { name: 'new' } });
  expect(changed.body).toMatchObject({ network: { name: 'new', revision_number: 1 } });
  expect(pick(changed, 'network.updated_at')).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  await remove('network', id);
});

test('quotas end in a conflict, and show what is used', async () => {
  const details = await demo.neutron('GET', `/quotas/${demo.projectId}/details.json`);
  expect(details.body).toMatchObject({ quota: { network: { limit: 100, used: 1 } } });
  await admin.neutron('PUT', `/quotas/${demo.projectId}`, { quota: { network: 1 } });
  const refused = await post('network', {});
  expect(refusal(refused)).toBe('409 OverQuota');
  expect(reason(refused)).toBe("Quota exceeded for resources: ['network'].");
  expect((await demo.neutron('PUT', `/quotas/${demo.projectId}`, { quota: {} })).status).toBe(403);
  await admin.neutron('DELETE', `/quotas/${demo.projectId}`);
  await remove('network', await make('network', {}));
});
