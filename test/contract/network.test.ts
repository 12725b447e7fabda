import { beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { listAll } from '../../openstack/paging.js';
import { connectAs, newName, refusal, refusalOf, undoAfterAll, unknownId } from './clouds.js';
import { networkThings } from './network-things.js';
import { setQuota } from './quotas.js';
import { makeThrowAwayProject, type ThrowAwayProject } from './throw-away-project.js';

const demo = connectAs('demo');
const hawser = connectAs('hawser');
const admin = connectAs('admin');
const { network: neutron } = demo;
const make = networkThings(demo);

const later = undoAfterAll();
let throwAway: ThrowAwayProject;

beforeAll(async () => {
  await Promise.all([demo, hawser].map(({ session }) => session.authenticate()));
  throwAway = await makeThrowAwayProject(admin, later);
});

const ids = (things: { id: string }[]) => things.map(({ id }) => id).sort();

/** What the service itself answers: the client would hide what a filter lets through. */
async function list(collection: string, query: Record<string, string>, from = demo) {
  const call = { service: 'network', path: `/${collection.replaceAll('_', '-')}`, query } as const;
  return listAll(from.session, call, collection, z.object({ id: z.string() }));
}

describe('what is not there', () => {
  test('is answered with 404 in the service’s words, and its deletion counts as done', async () => {
    expect(await refusal(neutron.getNetwork(unknownId))).toBe('404 NetworkNotFound');
    expect(await refusal(neutron.getSubnet(unknownId))).toBe('404 SubnetNotFound');
    expect(await refusal(neutron.getPort(unknownId))).toBe('404 PortNotFound');
    expect(await refusal(neutron.getRouter(unknownId))).toBe('404 RouterNotFound');
    expect(await refusal(neutron.getSecurityGroup(unknownId))).toBe('404 SecurityGroupNotFound');
    expect(await refusal(neutron.getSecurityGroupRule(unknownId))).toBe(
      '404 SecurityGroupRuleNotFound',
    );
    await neutron.deleteNetwork(unknownId);
    await neutron.deleteSubnet(unknownId);
    await neutron.deletePort(unknownId);
    await neutron.deleteRouter(unknownId);
    await neutron.deleteSecurityGroup(unknownId);
    await neutron.deleteSecurityGroupRule(unknownId);
  });

  test('is found by a name that is no id neither', async () => {
    expect(await neutron.findNetwork('demo-net')).toBeUndefined();
  });

  test('is nothing that subnets, ports, rules and interfaces could be made on: 404', async () => {
    const subnet = make.subnet(unknownId, '10.61.0.0/24');
    expect(await refusal(subnet)).toBe('404 NetworkNotFound');
    expect(await refusal(make.port(unknownId))).toBe('404 NetworkNotFound');
    const { id } = await make.network();
    await make.subnet(id, '10.61.0.0/24');
    const withGroup = make.port(id, { securityGroupIds: [unknownId] });
    expect(await refusal(withGroup)).toBe('404 SecurityGroupNotFound');
    const rule = { securityGroupId: unknownId, direction: 'ingress', ethertype: 'IPv4' } as const;
    expect(await refusal(neutron.createSecurityGroupRule(rule))).toBe('404 SecurityGroupNotFound');
    const router = await make.router();
    const interfaceThere = make.routerInterface(router.id, unknownId);
    expect(await refusal(interfaceThere)).toBe('404 SubnetNotFound');
  });

  test('is no subnet that a port could have an address of', async () => {
    const { id } = await make.network();
    const port = make.port(id, { fixedIps: [{ subnetId: unknownId }] });
    expect(await refusal(port)).toBe('400 InvalidInput');
  });
});

describe('names and descriptions', () => {
  const description = 'hawser:share_network=8d5c9ff1';

  test('are there from creation, of every kind, and are not unique', async () => {
    const name = newName('same');
    const marked = { name, description };
    const networks = [await make.network(marked), await make.network(marked)];
    const subnets = [
      await make.subnet(networks[0]?.id ?? '', '10.62.0.0/28', marked),
      await make.subnet(networks[0]?.id ?? '', '10.62.0.16/28', marked),
    ];
    const ports = [
      await make.port(networks[0]?.id ?? '', marked),
      await make.port(networks[0]?.id ?? '', marked),
    ];
    const groups = [
      await make.securityGroup(name, description),
      await make.securityGroup(name, description),
    ];
    for (const thing of [...networks, ...subnets, ...ports, ...groups]) {
      expect(thing).toMatchObject(marked);
    }
    expect(ids(await list('networks', { name }))).toEqual(ids(networks));
    expect(ids(await list('subnets', { name }))).toEqual(ids(subnets));
    expect(ids(await list('ports', { name }))).toEqual(ids(ports));
    expect(ids(await list('security_groups', { name }))).toEqual(ids(groups));
  });

  test('may have 255 characters', async () => {
    const fitting = 'x'.repeat(255);
    const network = await make.network({ name: fitting, description: fitting });
    expect(network).toMatchObject({ name: fitting, description: fitting });
    expect(await refusal(make.network({ name: `${fitting}x` }))).toBe('400 HTTPBadRequest');
    expect(await refusal(make.network({ description: `${fitting}x` }))).toBe('400 HTTPBadRequest');
  });
});

describe('a list', () => {
  test('by name has exactly those, not the longer names', async () => {
    const name = newName('exact');
    const { id } = await make.network({ name });
    await make.network({ name: `${name}-longer` });
    expect(ids(await list('networks', { name }))).toEqual([id]);
  });

  test("by project has a tenant's networks for the service account, which sees them all", async () => {
    const name = newName('whose');
    const { id } = await make.network({ name });
    const theirs = { name, project_id: demo.session.projectId };
    expect(ids(await list('networks', theirs, hawser))).toEqual([id]);
    const ours = { name, project_id: hawser.session.projectId };
    expect(await list('networks', ours, hawser)).toEqual([]);
  });

  test('does not have what is another tenant’s', async () => {
    const { id, name } = await make.network();
    const { cloud } = throwAway;
    expect(await list('networks', { name }, cloud)).toEqual([]);
    expect(await refusal(cloud.network.getNetwork(id))).toBe('404 NetworkNotFound');
  });

  test('of ports by network, by device, and by owner has those', async () => {
    const { id: networkId } = await make.network();
    await make.subnet(networkId, '10.63.0.0/28');
    const deviceId = newName('device');
    const deviceOwner = 'compute:test';
    const mine = await make.port(networkId, { deviceId, deviceOwner });
    const other = await make.port(networkId);
    expect(ids(await list('ports', { network_id: networkId }))).toEqual(ids([mine, other]));
    expect(ids(await list('ports', { device_id: deviceId }))).toEqual([mine.id]);
    const owned = { network_id: networkId, device_owner: deviceOwner };
    expect(ids(await list('ports', owned))).toEqual([mine.id]);
  });

  test('of subnets by network has those', async () => {
    const { id } = await make.network();
    const subnet = await make.subnet(id, '10.64.0.0/28');
    expect(ids(await list('subnets', { network_id: id }))).toEqual([subnet.id]);
  });

  test('comes in pages that link to the next', async () => {
    const name = newName('page');
    const made = [];
    for (let count = 0; count < 3; count += 1) made.push(await make.network({ name }));
    expect(ids(await list('networks', { name, limit: '1' }))).toEqual(ids(made));
  });
});

describe('a network', () => {
  test('tells its MTU, and that it is active', async () => {
    const { mtu, status, external, shared } = await make.network();
    expect({ status, external, shared }).toEqual({
      status: 'ACTIVE',
      external: false,
      shared: false,
    });
    expect(mtu).toBeGreaterThanOrEqual(1280);
  });

  test('goes with its subnets, but not while somebody has a port: 409', async () => {
    const { id } = await make.network();
    const subnet = await make.subnet(id, '10.65.0.0/28', { enableDhcp: true });
    const port = await make.port(id);
    expect(await refusal(neutron.deleteNetwork(id))).toBe('409 NetworkInUse');
    await neutron.deletePort(port.id);
    await neutron.deleteNetwork(id);
    expect(await refusal(neutron.getNetwork(id))).toBe('404 NetworkNotFound');
    expect(await refusal(neutron.getSubnet(subnet.id))).toBe('404 SubnetNotFound');
  });
});

describe('a subnet', () => {
  test('has the first address for its gateway, unless it is to have none', async () => {
    const { id } = await make.network();
    expect((await make.subnet(id, '10.66.0.16/28')).gatewayIp).toBe('10.66.0.17');
    expect((await make.subnet(id, '10.66.0.32/28', { gatewayIp: null })).gatewayIp).toBeNull();
  });

  test('keeps its name servers and routes', async () => {
    const { id } = await make.network();
    const dnsNameservers = ['192.0.2.53', '192.0.2.54'];
    const hostRoutes = [{ destination: '192.0.2.0/24', nexthop: '10.67.0.14' }];
    const subnet = await make.subnet(id, '10.67.0.0/28', {
      dnsNameservers,
      hostRoutes,
      enableDhcp: true,
    });
    const shown = await demo.session.request({
      service: 'network',
      method: 'GET',
      path: `/subnets/${subnet.id}`,
      schema: z.object({ subnet: z.looseObject({}) }),
    });
    expect(shown.subnet).toMatchObject({
      dns_nameservers: dnsNameservers,
      host_routes: hostRoutes,
      enable_dhcp: true,
    });
  });

  test('that overlaps with another of the network is refused with 400', async () => {
    const { id } = await make.network();
    await make.subnet(id, '10.68.0.0/24');
    for (const cidr of ['10.68.0.0/24', '10.68.0.128/28', '10.68.0.0/16']) {
      const error = await refusalOf(make.subnet(id, cidr));
      expect(error).toMatchObject({ status: 400, code: 'InvalidInput' });
      expect(error.reason).toContain('overlaps with another subnet');
    }
    const { id: elsewhere } = await make.network();
    expect(await make.subnet(elsewhere, '10.68.0.0/24')).toMatchObject({ cidr: '10.68.0.0/24' });
  });

  test('of a CIDR that is none is refused with 400', async () => {
    const { id } = await make.network();
    expect(await refusal(make.subnet(id, '10.69.0.0/33'))).toBe('400 InvalidInput');
  });

  test('stays while somebody has an address of it: 409', async () => {
    const { id } = await make.network();
    const subnet = await make.subnet(id, '10.70.0.0/28');
    const port = await make.port(id, { fixedIps: [{ subnetId: subnet.id }] });
    expect(await refusal(neutron.deleteSubnet(subnet.id))).toBe('409 SubnetInUse');
    await neutron.deletePort(port.id);
    await neutron.deleteSubnet(subnet.id);
    expect(await refusal(neutron.getSubnet(subnet.id))).toBe('404 SubnetNotFound');
  });
});

test('a quota that is used up is refused with 409, and words that name it', async () => {
  const { cloud, projectId } = throwAway;
  await setQuota(admin, { service: 'network', projectId, limits: { network: 0, port: 0 } });
  const error = await refusalOf(networkThings(cloud).network());
  expect(error).toMatchObject({ status: 409, code: 'OverQuota' });
  expect(error.reason).toContain("Quota exceeded for resources: ['network']");
});
