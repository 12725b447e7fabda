import { beforeAll, describe, expect, test } from 'vitest';
import { connectAs, newName, refusal, undoAfterAll } from './clouds.js';
import { networkThings } from './network-things.js';

const demo = connectAs('demo');
const admin = connectAs('admin');
const hawser = connectAs('hawser');
const { network: neutron } = demo;
const make = networkThings(demo);
const shared = networkThings(demo, undoAfterAll());

let networkId: string;
/** Its subnets. */
let first: string;
let second: string;

beforeAll(async () => {
  await demo.session.authenticate();
  networkId = (await shared.network()).id;
  first = (await shared.subnet(networkId, '10.71.0.0/28')).id;
  second = (await shared.subnet(networkId, '10.71.0.16/28')).id;
});

describe('a port of an administrator', () => {
  test("in another project's network is his own, in his own security group", async () => {
    const { projectId } = await hawser.session.authenticate();
    const his = networkThings(hawser);
    const group = await his.securityGroup();
    const port = await his.port(networkId, {
      fixedIps: [{ subnetId: first }],
      securityGroupIds: [group.id],
      description: 'hawser:instance=x',
    });
    expect(port).toMatchObject({
      networkId,
      projectId,
      securityGroupIds: [group.id],
      description: 'hawser:instance=x',
      fixedIps: [{ subnetId: first }],
    });
    const name = [port.name, newName('other')];
    expect(await hawser.network.listPorts({ name })).toMatchObject([{ id: port.id }]);
    // The owner of the network sees it there.
    expect(await neutron.listPorts({ network_id: networkId, name: port.name })).toMatchObject([
      { id: port.id },
    ]);
  });

  test('is nothing that a tenant may have in a network that is not his', async () => {
    const { id } = await networkThings(hawser).network();
    expect(await refusal(make.port(id))).toBe('404 NetworkNotFound');
  });
});

describe('a port', () => {
  test('has an address of the subnet asked for, a MAC, and belongs to nobody', async () => {
    const port = await make.port(networkId, { fixedIps: [{ subnetId: second }] });
    expect(port).toMatchObject({ networkId, status: 'DOWN', deviceId: '', deviceOwner: '' });
    expect(port.fixedIps).toEqual([
      { subnetId: second, ipAddress: expect.stringMatching(/^10\.71\.0\.(1[89]|2\d|30)$/) },
    ]);
    expect(port.macAddress).toMatch(/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/);
  });

  test('takes and gives up addresses when it is changed', async () => {
    const one = await make.subnet(networkId, '10.72.0.0/28');
    const port = await make.port(networkId, { fixedIps: [{ subnetId: one.id }] });
    const [kept] = port.fixedIps;
    const both = { fixedIps: [...port.fixedIps, { subnetId: second }] };
    const wider = await neutron.updatePort(port.id, both);
    expect(wider.fixedIps).toHaveLength(2);
    expect(wider.fixedIps).toContainEqual(kept);
    const narrower = await neutron.updatePort(port.id, { fixedIps: [{ subnetId: second }] });
    expect(narrower.fixedIps.map(({ subnetId }) => subnetId)).toEqual([second]);
    await neutron.deleteSubnet(one.id);
  });

  test('at an address that is taken, or of no subnet of the network, is refused', async () => {
    const at = (ipAddress: string) =>
      make.port(networkId, { fixedIps: [{ subnetId: first, ipAddress }] });
    await at('10.71.0.9');
    expect(await refusal(at('10.71.0.9'))).toBe('409 IpAddressAlreadyAllocated');
    expect(await refusal(at('10.74.0.9'))).toBe('400 InvalidIpForSubnet');
  });

  test('on a subnet without a free address is refused with 409', async () => {
    const { id: subnetId } = await make.subnet(networkId, '10.75.0.0/30');
    await make.port(networkId, { fixedIps: [{ subnetId }] });
    const none = make.port(networkId, { fixedIps: [{ subnetId }] });
    expect(await refusal(none)).toBe('409 IpAddressGenerationFailure');
  });

  test('is in its security groups from the start, else in the default one', async () => {
    const group = await make.securityGroup();
    const inGroup = await make.port(networkId, { securityGroupIds: [group.id] });
    expect(inGroup.securityGroupIds).toEqual([group.id]);
    const named = { name: 'default', project_id: demo.session.projectId };
    const [byDefault] = await neutron.listSecurityGroups(named);
    expect((await make.port(networkId)).securityGroupIds).toEqual([byDefault?.id]);
  });

  test('is bound to a host by administrators only', async () => {
    const bound = { hostId: 'some-host', projectId: demo.session.projectId };
    expect(await refusal(make.port(networkId, bound))).toBe('403 PolicyNotAuthorized');
    const port = await networkThings(admin).port(networkId, bound);
    expect(port).toMatchObject({ ...bound, vifType: 'binding_failed', status: 'DOWN' });
  });

  test('that was never bound says so', async () => {
    const { id } = await make.port(networkId);
    const unbound = { hostId: '', vifType: 'unbound' };
    expect(await admin.network.getPort(id)).toMatchObject(unbound);
  });
});

describe('a security group', () => {
  const ssh = {
    direction: 'ingress',
    ethertype: 'IPv4',
    protocol: 'tcp',
    portRangeMin: 22,
    portRangeMax: 22,
  } as const;
  const icmp = { direction: 'ingress', ethertype: 'IPv4', protocol: 'icmp' } as const;

  test('lets all out from the start, and has the rules that were made', async () => {
    const { id: securityGroupId } = await make.securityGroup();
    const query = { security_group_id: securityGroupId };
    const initial = await neutron.listSecurityGroupRules(query);
    expect(initial.map(({ direction, ethertype }) => `${direction} ${ethertype}`).sort()).toEqual([
      'egress IPv4',
      'egress IPv6',
    ]);
    const rules = [
      await neutron.createSecurityGroupRule({ securityGroupId, ...ssh }),
      await neutron.createSecurityGroupRule({ securityGroupId, ...icmp }),
    ];
    expect(rules).toMatchObject([
      { ...ssh, remoteIpPrefix: null, remoteGroupId: null },
      { ...icmp, portRangeMin: null, portRangeMax: null },
    ]);
    const listed = await neutron.listSecurityGroupRules(query);
    const ids = (some: { id: string }[]) => some.map(({ id }) => id).sort();
    expect(ids(listed)).toEqual(ids([...initial, ...rules]));
  });

  test('has a rule once: the same again is refused with 409', async () => {
    const { id: securityGroupId } = await make.securityGroup();
    for (const rule of [ssh, icmp]) {
      await neutron.createSecurityGroupRule({ securityGroupId, ...rule });
      const again = neutron.createSecurityGroupRule({ securityGroupId, ...rule });
      expect(await refusal(again)).toBe('409 SecurityGroupRuleExists');
    }
    const everywhere = { securityGroupId, ...ssh, remoteIpPrefix: '0.0.0.0/0' };
    expect(await refusal(neutron.createSecurityGroupRule(everywhere))).toBe(
      '409 SecurityGroupRuleExists',
    );
  });

  test('has rules with a description, and prefixes that come back as they were given', async () => {
    const { id: securityGroupId } = await make.securityGroup();
    const description = 'hawser:rule=';
    for (const [ethertype, remoteIpPrefix] of [
      ['IPv4', '192.0.2.0/24'],
      ['IPv6', '2001:db8::/64'],
    ] as const) {
      const rule = { ...ssh, ethertype, remoteIpPrefix, description, securityGroupId };
      expect(await neutron.createSecurityGroupRule(rule)).toMatchObject({
        ethertype,
        remoteIpPrefix,
        description,
      });
    }
  });

  test('stays while a port is in it: 409', async () => {
    const group = await make.securityGroup();
    const port = await make.port(networkId, { securityGroupIds: [group.id] });
    expect(await refusal(neutron.deleteSecurityGroup(group.id))).toBe('409 SecurityGroupInUse');
    await neutron.deletePort(port.id);
    await neutron.deleteSecurityGroup(group.id);
    expect(await refusal(neutron.getSecurityGroup(group.id))).toBe('404 SecurityGroupNotFound');
  });
});
