import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger, type LogEntry } from '@temporalio/worker';
import { mark } from '../../activities/marks.js';
import { createNetworkActivities } from '../../activities/network.js';
import { HostInterfaceNotReady, HostInterfaceUnusable } from '../../host-interface/errors.js';
import { ensureHostPort } from '../../host-interface/host-port.js';
import type { HostInterface } from '../../host-interface/index.js';
import { listResources } from '../../dev/resources.js';
import { SshPool } from '../../ssh/pool.js';
import type { ShareNetwork } from '../../workflows/model.js';
import {
  failureOf,
  startActivityRig,
  type ActivityRig,
  type Bench,
} from '../support/activities.js';
import { holdRequest } from '../support/held-request.js';

let rig: ActivityRig;
let bench: Bench;
let shareNetwork: ShareNetwork;
let ref: { backend: string; shareNetwork: ShareNetwork };

beforeAll(async () => {
  rig = await startActivityRig();
});
afterAll(() => rig?.stop());

beforeEach(async () => {
  bench = await rig.addBackend();
  shareNetwork = await rig.addShareNetwork(bench);
  ref = { backend: bench.backend, shareNetwork };
});
afterEach(() => rig.devcloud.reset());

const named = async (kind: 'networks' | 'securityGroups', name: string) =>
  (await listResources(rig.operator))[kind].filter((one) => one.name === name);

const serviceNetworks = () => named('networks', bench.options.service_network_name);
const groups = () => named('securityGroups', bench.options.service_instance_security_group);

/** The service network's parts as Neutron has them. */
async function serviceParts() {
  const { network } = rig.operator;
  const networks = await network.listNetworks({ name: bench.options.service_network_name });
  const network_id = networks.map(({ id }) => id);
  const subnets = networks.length > 0 ? await network.listSubnets({ network_id }) : [];
  const ports = networks.length > 0 ? await network.listPorts({ network_id }) : [];
  const interfaces = ports.filter(({ deviceOwner }) => deviceOwner === 'network:router_interface');
  return { networks, subnets, interfaces };
}

const counts = async () => {
  const { networks, subnets, interfaces } = await serviceParts();
  return [networks.length, subnets.length, interfaces.length];
};

describe('a share network is found', () => {
  test('by name, by id and with its subnet', async () => {
    const { backend, steps } = bench;
    const { networkId, subnetId, routerId } = shareNetwork;
    const network = await rig.operator.network.getNetwork(networkId);
    for (const words of [
      network.name,
      networkId,
      `${network.name}/${network.name}`,
      `${networkId}/${subnetId}`,
    ]) {
      expect(await steps.resolveShareNetwork({ backend, shareNetwork: words })).toEqual({
        id: subnetId,
        networkId,
        subnetId,
        routerId,
      });
    }
    const port = await rig.operator.network.listPorts({ device_id: routerId ?? '' });
    expect(port).toMatchObject([{ networkId, fixedIps: [{ subnetId, ipAddress: '10.20.0.1' }] }]);
  });

  test('only if it is the only one of that name, and one of its subnets is meant', async () => {
    const { backend, steps } = bench;
    const { network } = rig.tenant;
    const { name } = await network.getNetwork(shareNetwork.networkId);
    const second = await network.createSubnet({
      name: 'second',
      networkId: shareNetwork.networkId,
      cidr: '10.21.0.0/24',
      ipVersion: 4,
    });
    expect(
      await failureOf(steps.resolveShareNetwork({ backend, shareNetwork: name })),
    ).toMatchObject({ type: 'AmbiguousName', nonRetryable: true });
    expect(
      await failureOf(steps.resolveShareNetwork({ backend, shareNetwork: `${name}/second` })),
    ).toMatchObject({ type: 'SubnetWithoutRouter', message: expect.stringContaining(second.id) });
    const twin = await network.createNetwork({ name });
    const ambiguous = await failureOf(
      steps.resolveShareNetwork({ backend, shareNetwork: `${name}/second` }),
    );
    expect(ambiguous.type).toBe('AmbiguousName');
    expect(ambiguous.message).toContain(twin.id);
  });
});

describe('the service network', () => {
  test('is made once, however often it is asked for', async () => {
    const first = await bench.steps.ensureServiceNetwork(ref);
    expect(await bench.steps.ensureServiceNetwork(ref)).toEqual(first);
    const { networks, subnets, interfaces } = await serviceParts();
    expect(networks).toMatchObject([{ id: first.networkId }]);
    expect(subnets).toMatchObject([{ id: first.subnetId, cidr: '10.254.0.0/28' }]);
    expect(interfaces).toMatchObject([
      { deviceId: shareNetwork.routerId, fixedIps: [{ subnetId: first.subnetId }] },
    ]);
  });

  test('carries a subnet for each of several share networks that come at once', async () => {
    const other = { ...ref, shareNetwork: await rig.addShareNetwork(bench, '10.22.0.0/24') };
    const made = await Promise.all([
      bench.retried.ensureServiceNetwork(ref),
      bench.retried.ensureServiceNetwork(other),
    ]);
    const { networks, subnets, interfaces } = await serviceParts();
    expect(networks).toMatchObject([{ id: made[0].networkId }]);
    expect(subnets.map(({ id }) => id).sort()).toEqual(made.map((one) => one.subnetId).sort());
    expect(subnets.map(({ cidr }) => cidr).sort()).toEqual(['10.254.0.0/28', '10.254.0.16/28']);
    expect(interfaces.map(({ deviceId }) => deviceId).sort()).toEqual(
      [shareNetwork.routerId ?? '', other.shareNetwork.routerId ?? ''].sort(),
    );
  });

  test('is made once when two ask for the same at once, and goes whole', async () => {
    const [one, two] = await Promise.all([
      bench.retried.ensureServiceNetwork(ref),
      bench.retried.ensureServiceNetwork(ref),
    ]);
    expect(one).toEqual(two);
    expect(await counts()).toEqual([1, 1, 1]);
    expect((await serviceParts()).networks).toMatchObject([{ id: one.networkId }]);
    await bench.steps.releaseServiceNetwork(ref);
    expect(await counts()).toEqual([0, 0, 0]);
  });

  test('stays while an instance has a port there, and goes afterwards', async () => {
    const { steps } = bench;
    const instance = { ...ref, instanceId: `i-${bench.backend}` };
    await steps.ensureServerPort(instance);
    await steps.releaseServiceNetwork(ref);
    expect(await counts()).toEqual([1, 1, 1]);
    await steps.deleteServerPort(instance);
    await steps.releaseServiceNetwork(ref);
    await steps.releaseServiceNetwork(ref);
    expect(await counts()).toEqual([0, 0, 0]);
  });

  test("goes with its workers' hosts in it, which keep what other share networks need", async () => {
    const other = { ...ref, shareNetwork: await rig.addShareNetwork(bench, '10.22.0.0/24') };
    const { networkId, subnetId } = await bench.steps.ensureServiceNetwork(ref);
    const second = await bench.steps.ensureServiceNetwork(other);
    const { network } = rig.operator;
    const hosts = async () =>
      (await network.listPorts({ network_id: networkId, device_owner: 'hawser:host' })).map(
        ({ deviceId, fixedIps }) => [deviceId, ...fixedIps.map((ip) => ip.subnetId)],
      );
    await ensureHostPort(network, { host: 'devcloud', networkId, subnetId });
    await ensureHostPort(network, { host: 'devcloud', networkId, subnetId: second.subnetId });
    await ensureHostPort(network, { host: 'two', networkId, subnetId });
    await bench.steps.releaseServiceNetwork(ref);
    expect(await hosts()).toEqual([['devcloud', second.subnetId]]);
    expect(await counts()).toEqual([1, 1, 1]);
    await bench.steps.releaseServiceNetwork(other);
    expect(await counts()).toEqual([0, 0, 0]);
  });

  test('goes at the next attempt where a host came back to it meanwhile', async () => {
    const place = { host: 'devcloud', ...(await bench.steps.ensureServiceNetwork(ref)) };
    const { network } = rig.operator;
    const { id } = await ensureHostPort(network, place);
    const deletion = await holdRequest(rig.devcloud, 'subnet.delete');
    const release = failureOf(bench.steps.releaseServiceNetwork(ref));
    await deletion.arrived();
    expect(await network.findPort(id)).toBeUndefined();
    await ensureHostPort(network, place);
    await deletion.release();
    expect(await release).toMatchObject({ type: 'CloudBusy', nonRetryable: false });
    await bench.steps.releaseServiceNetwork(ref);
    expect(await counts()).toEqual([0, 0, 0]);
  });

  /** The release by a worker on whose host tidying fails. */
  const releaseWith = async (trouble: Error, logged: LogEntry[] = []) => {
    const ssh = new SshPool({ user: 'manila', password: 'unused' });
    const hostInterface: HostInterface = {
      check: async () => undefined,
      reach: async () => undefined,
      tidy: async () => Promise.reject(trouble),
      close: () => undefined,
    };
    const { options, publicKey, backend: name } = bench;
    const backend = { name, options, publicKey, ssh, hostInterface, cloud: rig.operator };
    const steps = createNetworkActivities(Object.assign(() => backend, { names: [name] }));
    const logger = new DefaultLogger('WARN', (entry) => logged.push(entry));
    const environment = new MockActivityEnvironment({}, { logger });
    await environment.run(async () => steps.releaseServiceNetwork(ref));
  };

  test.each([
    ['HostInterfaceNotReady', HostInterfaceNotReady],
    ['HostInterfaceUnusable', HostInterfaceUnusable],
  ])("goes whatever a worker's host is unable to tidy: %s", async (_name, Trouble) => {
    await bench.steps.ensureServiceNetwork(ref);
    const logged: LogEntry[] = [];
    await releaseWith(new Trouble('ovs-vsctl is away'), logged);
    expect(await counts()).toEqual([0, 0, 0]);
    expect(logged.map(({ message }) => message)).toEqual([
      'tidying the interfaces of this host failed',
    ]);
    expect(logged[0]?.meta).toMatchObject({ error: { message: 'ovs-vsctl is away' } });
  });

  test('goes, but a mistake of ours is not taken for trouble of the host', async () => {
    await bench.steps.ensureServiceNetwork(ref);
    await expect(releaseWith(new TypeError('a mistake'))).rejects.toThrow('a mistake');
    expect(await counts()).toEqual([0, 0, 0]);
  });

  test('stays for the subnets of other share networks', async () => {
    const other = { ...ref, shareNetwork: await rig.addShareNetwork(bench, '10.22.0.0/24') };
    await bench.steps.ensureServiceNetwork(ref);
    const { subnetId } = await bench.steps.ensureServiceNetwork(other);
    await bench.steps.releaseServiceNetwork(ref);
    expect(await counts()).toEqual([1, 1, 1]);
    expect((await serviceParts()).subnets).toMatchObject([{ id: subnetId }]);
  });

  test('is made again where somebody took a part of it away', async () => {
    const { network } = rig.operator;
    const first = await bench.steps.ensureServiceNetwork(ref);
    const at = { subnetId: first.subnetId };

    await network.removeRouterInterface(shareNetwork.routerId ?? '', at);
    await bench.steps.ensureServiceNetwork(ref);
    expect(await counts()).toEqual([1, 1, 1]);

    await network.removeRouterInterface(shareNetwork.routerId ?? '', at);
    await network.deleteSubnet(first.subnetId);
    const second = await bench.steps.ensureServiceNetwork(ref);
    expect(second).toMatchObject({ networkId: first.networkId, cidr: first.cidr });
    expect(await counts()).toEqual([1, 1, 1]);

    await network.removeRouterInterface(shareNetwork.routerId ?? '', { subnetId: second.subnetId });
    await network.deleteSubnet(second.subnetId);
    await network.deleteNetwork(second.networkId);
    const third = await bench.steps.ensureServiceNetwork(ref);
    expect((await serviceParts()).networks).toMatchObject([{ id: third.networkId }]);
    expect(await counts()).toEqual([1, 1, 1]);
  });

  test("that was there before is used, and is nobody's to delete", async () => {
    const name = bench.options.service_network_name;
    const theirs = await rig.operator.network.createNetwork({ name });
    const { networkId } = await bench.steps.ensureServiceNetwork(ref);
    expect(networkId).toBe(theirs.id);
    await bench.steps.releaseServiceNetwork(ref);
    expect(await serviceNetworks()).toMatchObject([{ id: theirs.id }]);
    expect(await counts()).toEqual([1, 0, 0]);
  });

  test('of another project is not ours though it has the name', async () => {
    const name = bench.options.service_network_name;
    const foreign = await rig.tenant.network.createNetwork({ name });
    const { networkId } = await bench.steps.ensureServiceNetwork(ref);
    expect(networkId).not.toBe(foreign.id);
    await bench.steps.releaseServiceNetwork(ref);
    expect(await serviceNetworks()).toMatchObject([{ id: foreign.id }]);
    await rig.tenant.network.deleteNetwork(foreign.id);
  });

  test('loses its twins: the oldest of ours is kept', async () => {
    const { network } = rig.operator;
    const first = await bench.steps.ensureServiceNetwork(ref);
    const { name, description } = await network.getNetwork(first.networkId);
    await later();
    await network.createNetwork({ name, description });
    expect(await bench.steps.ensureServiceNetwork(ref)).toEqual(first);
    expect(await serviceNetworks()).toMatchObject([{ id: first.networkId }]);
  });

  test('of a stranger beside ours is left alone', async () => {
    const first = await bench.steps.ensureServiceNetwork(ref);
    await later();
    const name = bench.options.service_network_name;
    const theirs = await rig.operator.network.createNetwork({ name });
    expect(await bench.steps.ensureServiceNetwork(ref)).toEqual(first);
    expect((await serviceNetworks()).map(({ id }) => id).sort()).toEqual(
      [first.networkId, theirs.id].sort(),
    );
  });

  test('has one subnet also when the answer to its creation was lost', async () => {
    await rig.planFault({ operation: 'subnet.create' }, { reset: true, after: true });
    const made = await bench.retried.ensureServiceNetwork(ref);
    expect(await counts()).toEqual([1, 1, 1]);
    expect((await serviceParts()).subnets).toMatchObject([{ id: made.subnetId, cidr: made.cidr }]);
  });

  test.each(['network.delete', 'subnet.delete'])(
    'is not left behind for a conflict that says nothing of its use (%s)',
    async (operation) => {
      await bench.steps.ensureServiceNetwork(ref);
      await rig.planFault({ operation }, { status: 409 });
      expect(await failureOf(bench.steps.releaseServiceNetwork(ref))).toMatchObject({
        type: 'CloudBusy',
        nonRetryable: false,
      });
      await bench.steps.releaseServiceNetwork(ref);
      expect(await counts()).toEqual([0, 0, 0]);
    },
  );

  test('is found again after its answer was lost', async () => {
    await rig.planFault({ operation: 'network.create' }, { reset: true, after: true });
    expect(await failureOf(bench.steps.ensureServiceNetwork(ref))).toMatchObject({
      type: 'CloudUnreachable',
      nonRetryable: false,
    });
    const [left] = await serviceNetworks();
    expect((await bench.steps.ensureServiceNetwork(ref)).networkId).toBe(left?.id);
    expect(await counts()).toEqual([1, 1, 1]);
  });

  describe('of a second backend with the same addresses, on the same router,', () => {
    let second: Bench;
    let theirs: { backend: string; shareNetwork: ShareNetwork };
    beforeEach(async () => {
      second = await rig.addBackend();
      theirs = { backend: second.backend, shareNetwork };
    });

    /** As it would be if both had looked for free addresses at the same moment. */
    async function madeAtTheSameMoment() {
      const { network } = rig.operator;
      await bench.steps.ensureServiceNetwork(ref);
      const name = second.options.service_network_name;
      const { id: networkId } = await network.createNetwork({
        name,
        description: mark('service_network', second.backend),
      });
      return network.createSubnet({
        name: `hawser-${shareNetwork.id}`,
        description: mark('share_network', shareNetwork.id),
        networkId,
        cidr: '10.254.0.0/28',
        ipVersion: 4,
      });
    }

    test('takes others', async () => {
      const first = await bench.steps.ensureServiceNetwork(ref);
      expect(first.cidr).toBe('10.254.0.0/28');
      const made = await second.steps.ensureServiceNetwork(theirs);
      expect(made.cidr).toBe('10.254.0.16/28');
      expect(await second.steps.ensureServiceNetwork(theirs)).toEqual(made);
    });

    test('that was faster is made way for', async () => {
      const { id } = await madeAtTheSameMoment();
      const failure = await failureOf(second.steps.ensureServiceNetwork(theirs));
      expect(failure).toMatchObject({ type: 'CloudBusy', nonRetryable: false });
      const made = await second.steps.ensureServiceNetwork(theirs);
      expect(made.cidr).toBe('10.254.0.16/28');
      expect(await rig.operator.network.findSubnet(id)).toBeUndefined();
    });

    test('that somebody put on the router beside a subnet in use is named with it', async () => {
      const { id, networkId } = await madeAtTheSameMoment();
      const [onRouter] = (await serviceParts()).subnets;
      await rig.operator.network.createPort({ networkId, fixedIps: [{ subnetId: id }] });
      const failure = await failureOf(second.steps.ensureServiceNetwork(theirs));
      expect(failure).toMatchObject({ type: 'SubnetsOverlap', nonRetryable: true });
      expect(failure.message).toContain(id);
      expect(failure.message).toContain(onRouter?.id);
    });
  });

  test('has no room for one share network more than its prefix holds', async () => {
    bench = await rig.addBackend({ service_network_cidr: '10.253.0.0/28' });
    const other = await rig.addShareNetwork(bench, '10.22.0.0/24');
    await bench.steps.ensureServiceNetwork({ ...ref, backend: bench.backend });
    const failure = await failureOf(
      bench.steps.ensureServiceNetwork({ backend: bench.backend, shareNetwork: other }),
    );
    expect(failure).toMatchObject({ type: 'NoFreeServiceSubnet', nonRetryable: true });
    expect(await counts()).toEqual([1, 1, 1]);
  });
});

/** Neutron's times have whole seconds. */
const later = () => new Promise((resolve) => setTimeout(resolve, 1100));

describe('the security group', () => {
  const wanted = [
    'icmp any',
    ...['111', '139', '2049', '20048', '22', '445'].map((port) => `tcp ${port}`),
    ...['111', '2049', '20048'].map((port) => `udp ${port}`),
  ].sort();

  async function openPorts(securityGroupId: string): Promise<string[]> {
    const rules = await rig.operator.network.listSecurityGroupRules({
      security_group_id: securityGroupId,
      direction: 'ingress',
    });
    return rules.map(({ protocol, portRangeMin }) => `${protocol} ${portRangeMin ?? 'any'}`).sort();
  }

  test('is made once with every rule, and filled up when one is missing', async () => {
    const { network } = rig.operator;
    const { securityGroupId } = await bench.steps.ensureSecurityGroup(ref);
    expect(await openPorts(securityGroupId)).toEqual(wanted);
    const rules = await network.listSecurityGroupRules({ security_group_id: securityGroupId });
    const nfs = rules.find(({ portRangeMin }) => portRangeMin === 2049);
    await network.deleteSecurityGroupRule(nfs?.id ?? '');
    expect(await openPorts(securityGroupId)).toHaveLength(wanted.length - 1);
    expect(await bench.steps.ensureSecurityGroup(ref)).toEqual({ securityGroupId });
    expect(await openPorts(securityGroupId)).toEqual(wanted);
    expect(await groups()).toMatchObject([{ id: securityGroupId }]);
  });

  test('is not called whole for a conflict that says nothing of the rule', async () => {
    await rig.planFault(
      { operation: 'security_group_rule.create', body: '20048' },
      { status: 409 },
    );
    const failure = await failureOf(bench.steps.ensureSecurityGroup(ref));
    expect(failure).toMatchObject({ type: 'CloudBusy', nonRetryable: false });
    const { securityGroupId } = await bench.steps.ensureSecurityGroup(ref);
    expect(await openPorts(securityGroupId)).toEqual(wanted);
  });

  test('whose making broke off half-way is made whole by the next attempt', async () => {
    await rig.planFault(
      { operation: 'security_group_rule.create', body: '20048' },
      { status: 503 },
    );
    const failure = await failureOf(bench.steps.ensureSecurityGroup(ref));
    expect(failure).toMatchObject({ type: 'CloudUnreachable', nonRetryable: false });
    const [half] = await groups();
    expect((await openPorts(half?.id ?? '')).length).toBeLessThan(wanted.length);
    const { securityGroupId } = await bench.steps.ensureSecurityGroup(ref);
    expect(securityGroupId).toBe(half?.id);
    expect(await openPorts(securityGroupId)).toEqual(wanted);
  });

  test('is made once when two ask for it at once', async () => {
    const [one, two] = await Promise.all([
      bench.retried.ensureSecurityGroup(ref),
      bench.retried.ensureSecurityGroup(ref),
    ]);
    expect(one).toEqual(two);
    expect(await groups()).toMatchObject([{ id: one.securityGroupId }]);
    expect(await openPorts(one.securityGroupId)).toEqual(wanted);
  });

  const rulesOf = async (securityGroupId: string) =>
    (
      await rig.operator.network.listSecurityGroupRules({
        security_group_id: securityGroupId,
        direction: 'ingress',
      })
    ).map(({ protocol, portRangeMin, ethertype, remoteIpPrefix }) =>
      [ethertype, protocol, portRangeMin, remoteIpPrefix].join(' '),
    );

  const limited = { limit_ssh_access: true, ssh_allowed_from: ['192.0.2.7/24', '2001:db8::/64'] };

  test('keeps port 22 shut where SSH access is limited, and another lets the operator in', async () => {
    bench = await rig.addBackend(limited);
    const { backend } = bench;
    const { securityGroupId, sshSecurityGroupId = '' } = await bench.steps.ensureSecurityGroup({
      backend,
    });
    expect(await openPorts(securityGroupId)).toEqual(wanted.filter((one) => one !== 'tcp 22'));
    const fromWhere = [
      'IPv4 tcp 22 10.254.0.0/16',
      'IPv4 tcp 22 192.0.2.0/24',
      'IPv6 tcp 22 2001:db8::/64',
    ];
    expect((await rulesOf(sshSecurityGroupId)).sort()).toEqual(fromWhere);
    const again = await bench.steps.ensureSecurityGroup({ backend });
    expect(again).toEqual({ securityGroupId, sshSecurityGroupId });
    expect((await rulesOf(sshSecurityGroupId)).sort()).toEqual(fromWhere);
    await bench.steps.deleteSecurityGroup({ backend });
    await bench.steps.deleteSecurityGroup({ backend });
    expect(await rig.operator.network.findSecurityGroup(sshSecurityGroupId)).toBeUndefined();
    expect(await rig.operator.network.findSecurityGroup(securityGroupId)).toBeUndefined();
  });

  test('shuts port 22 when access is limited from now on, and leaves rules of the operator alone', async () => {
    const { network } = rig.operator;
    const { securityGroupId } = await bench.steps.ensureSecurityGroup(ref);
    const ssh = { direction: 'ingress', ethertype: 'IPv4', protocol: 'tcp' } as const;
    await network.createSecurityGroupRule({
      ...ssh,
      securityGroupId,
      portRangeMin: 22,
      portRangeMax: 22,
      remoteIpPrefix: '203.0.113.0/24',
    });
    const afterwards = await rig.addBackend({
      ...limited,
      service_instance_security_group: bench.options.service_instance_security_group,
    });
    await afterwards.steps.ensureSecurityGroup({ backend: afterwards.backend });
    expect((await rulesOf(securityGroupId)).filter((rule) => rule.includes(' 22 '))).toEqual([
      'IPv4 tcp 22 203.0.113.0/24',
    ]);
    await bench.steps.ensureSecurityGroup(ref);
    expect(await openPorts(securityGroupId)).toEqual([...wanted, 'tcp 22'].sort());
  });

  test('loses a rule of ours that is wanted no more', async () => {
    bench = await rig.addBackend(limited);
    const { backend, steps } = bench;
    const { sshSecurityGroupId = '' } = await steps.ensureSecurityGroup({ backend });
    const { network } = rig.operator;
    const [rule] = await network.listSecurityGroupRules({
      security_group_id: sshSecurityGroupId,
      direction: 'ingress',
    });
    const before = await rulesOf(sshSecurityGroupId);
    await network.createSecurityGroupRule({
      securityGroupId: sshSecurityGroupId,
      direction: 'ingress',
      ethertype: 'IPv4',
      protocol: 'tcp',
      portRangeMin: 22,
      portRangeMax: 22,
      remoteIpPrefix: '198.51.100.0/24',
      description: rule?.description,
    });
    await steps.ensureSecurityGroup({ backend });
    expect(await rulesOf(sshSecurityGroupId)).toEqual(before);
  });

  test('of a stranger is used and filled up, and never deleted', async () => {
    const name = bench.options.service_instance_security_group;
    const theirs = await rig.operator.network.createSecurityGroup({ name });
    expect(await bench.steps.ensureSecurityGroup(ref)).toEqual({ securityGroupId: theirs.id });
    expect(await openPorts(theirs.id)).toEqual(wanted);
    await bench.steps.deleteSecurityGroup(ref);
    expect(await groups()).toMatchObject([{ id: theirs.id }]);
  });

  test('loses its twins: the oldest is kept', async () => {
    const { network } = rig.operator;
    const { securityGroupId } = await bench.steps.ensureSecurityGroup(ref);
    const { name, description } = await network.getSecurityGroup(securityGroupId);
    await later();
    await network.createSecurityGroup({ name, description });
    expect(await bench.steps.ensureSecurityGroup(ref)).toEqual({ securityGroupId });
    expect(await groups()).toMatchObject([{ id: securityGroupId }]);
  });

  test('goes when nobody uses it, and twice is harmless', async () => {
    const instance = { ...ref, instanceId: `i-${bench.backend}` };
    await bench.steps.ensureServerPort(instance);
    await bench.steps.deleteSecurityGroup(ref);
    expect(await groups()).toHaveLength(1);
    await bench.steps.deleteServerPort(instance);
    await bench.steps.deleteSecurityGroup(ref);
    await bench.steps.deleteSecurityGroup(ref);
    expect(await groups()).toEqual([]);
  });
});

describe("an instance's port", () => {
  const portsOf = async (instanceId: string) =>
    (await rig.operator.network.listPorts()).filter(({ description }) =>
      description.endsWith(`=${instanceId}`),
    );

  test('is made once, on the service subnet and in the security group', async () => {
    const instance = { ...ref, instanceId: `i-${bench.backend}` };
    const first = await bench.steps.ensureServerPort(instance);
    expect(await bench.steps.ensureServerPort(instance)).toEqual(first);
    const { subnets } = await serviceParts();
    const [group] = await groups();
    expect(await portsOf(instance.instanceId)).toMatchObject([
      {
        id: first.portIds[0],
        securityGroupIds: [group?.id],
        fixedIps: [{ subnetId: subnets[0]?.id, ipAddress: first.address }],
      },
    ]);
  });

  test('is found again after its answer was lost', async () => {
    const instance = { ...ref, instanceId: `i-${bench.backend}` };
    await rig.planFault({ operation: 'port.create' }, { reset: true, after: true });
    await failureOf(bench.steps.ensureServerPort(instance));
    const [left] = await portsOf(instance.instanceId);
    expect((await bench.steps.ensureServerPort(instance)).portIds).toEqual([left?.id]);
    expect(await portsOf(instance.instanceId)).toHaveLength(1);
  });

  test('is made by the next attempt when the subnet was taken away meanwhile', async () => {
    const instance = { ...ref, instanceId: `i-${bench.backend}` };
    await bench.steps.ensureServiceNetwork(ref);
    // Another subnet keeps the network.
    const other = await rig.addShareNetwork(bench, '10.21.0.0/24');
    await bench.steps.ensureServiceNetwork({ ...ref, shareNetwork: other });
    const creation = await holdRequest(rig.devcloud, 'port.create');
    const attempt = failureOf(bench.steps.ensureServerPort(instance));
    await creation.arrived();
    await bench.steps.releaseServiceNetwork(ref);
    await creation.release();
    expect(await attempt).toMatchObject({ type: 'CloudBusy', nonRetryable: false });
    expect(await bench.steps.ensureServerPort(instance)).toMatchObject({
      portIds: [expect.any(String)],
    });
  });

  test('goes, and twice is harmless; that of another instance stays', async () => {
    const instance = { ...ref, instanceId: `i-${bench.backend}-1` };
    const other = { ...ref, instanceId: `i-${bench.backend}-10` };
    await bench.steps.ensureServerPort(instance);
    const { portIds } = await bench.steps.ensureServerPort(other);
    await bench.steps.deleteServerPort(instance);
    await bench.steps.deleteServerPort(instance);
    expect(await portsOf(instance.instanceId)).toEqual([]);
    expect(await portsOf(other.instanceId)).toMatchObject([{ id: portIds[0] }]);
  });
});

describe("an instance's ports in other networks", () => {
  const portNames = async (instanceId: string) =>
    (await rig.operator.network.listPorts())
      .filter(({ description }) => description === `hawser:instance=${instanceId}`)
      .map(({ id, networkId, securityGroupIds, projectId, fixedIps }) => ({
        id,
        networkId,
        securityGroupIds,
        projectId,
        address: fixedIps[0]?.ipAddress,
      }));

  /** A network of the operator's, as `admin_network_id` names it. */
  async function addAdminNetwork() {
    const { network } = rig.operator;
    const { id: networkId } = await network.createNetwork({ name: `admin-${bench.backend}` });
    const subnet = await network.createSubnet({
      networkId,
      cidr: '172.30.0.0/24',
      ipVersion: 4,
      enableDhcp: true,
    });
    return { admin_network_id: networkId, admin_subnet_id: subnet.id };
  }

  async function addLayout(options: Record<string, unknown>, shareCidr = '10.40.0.0/24') {
    bench = await rig.addBackend(options);
    shareNetwork = await rig.addShareNetwork(bench, shareCidr);
    ref = { backend: bench.backend, shareNetwork };
    return { ...ref, instanceId: `i-${bench.backend}` };
  }

  const connected = { connect_share_server_to_tenant_network: true };

  test("are one on the tenant's subnet and one on a service subnet without a way out", async () => {
    const instance = await addLayout({
      ...connected,
      limit_ssh_access: true,
      ssh_allowed_from: ['192.0.2.0/24'],
    });
    expect(shareNetwork.routerId).toBeNull();
    const made = await bench.steps.ensureServerPort(instance);
    expect(await bench.steps.ensureServerPort(instance)).toEqual(made);
    const { securityGroupId, sshSecurityGroupId } = await bench.steps.ensureSecurityGroup(ref);
    const { projectId } = await rig.operator.session.authenticate();
    const [service] = (await serviceParts()).networks;
    const ports = await portNames(instance.instanceId);
    expect(ports).toHaveLength(2);
    expect(ports.find(({ id }) => id === made.portIds[0])).toMatchObject({
      networkId: shareNetwork.networkId,
      address: made.exportAddress,
      securityGroupIds: [securityGroupId],
      projectId,
    });
    expect(ports.find(({ id }) => id === made.portIds[1])).toMatchObject({
      networkId: service?.id,
      address: made.address,
      securityGroupIds: [securityGroupId, sshSecurityGroupId],
    });
    expect(made.adminAddress).toBeNull();
    expect(made.exportAddress).toMatch(/^10\.40\./);
    expect(made.address).toMatch(/^10\.254\./);
    expect((await serviceParts()).subnets).toMatchObject([{ gatewayIp: null }]);
    expect(await counts()).toEqual([1, 1, 0]);

    await bench.steps.releaseServiceNetwork(ref);
    expect(await counts()).toEqual([1, 1, 0]);
    await bench.steps.deleteServerPort(instance);
    await bench.steps.deleteServerPort(instance);
    expect(await portNames(instance.instanceId)).toEqual([]);
    await bench.steps.releaseServiceNetwork(ref);
    await bench.steps.releaseServiceNetwork(ref);
    expect(await counts()).toEqual([0, 0, 0]);
  });

  test("need no router of the tenant's, but addresses of their own", async () => {
    await addLayout(connected);
    const { backend, steps } = bench;
    const { network } = rig.tenant;
    const { id: networkId } = await network.createNetwork({ name: `alone-${backend}` });
    const alone = await network.createSubnet({
      networkId,
      cidr: '10.41.0.0/24',
      ipVersion: 4,
      gatewayIp: null,
    });
    expect(await steps.resolveShareNetwork({ backend, shareNetwork: networkId })).toEqual({
      id: alone.id,
      networkId,
      subnetId: alone.id,
      routerId: null,
    });
    const same = await network.createSubnet({ networkId, cidr: '10.254.3.0/24', ipVersion: 4 });
    const failure = await failureOf(
      steps.resolveShareNetwork({ backend, shareNetwork: `${networkId}/${same.id}` }),
    );
    expect(failure).toMatchObject({ type: 'InvalidInput', nonRetryable: true });
    expect(failure.message).toContain('10.254.0.0/16');
  });

  test('are also in the admin network, which is for SSH then, and where hosts leave last', async () => {
    const admin = await addAdminNetwork();
    const instance = await addLayout(admin);
    const made = await bench.steps.ensureServerPort(instance);
    expect(await bench.steps.ensureServerPort(instance)).toEqual(made);
    expect(made).toMatchObject({
      portIds: [expect.any(String), expect.any(String)],
      address: expect.stringMatching(/^172\.30\./),
      exportAddress: expect.stringMatching(/^10\.254\./),
    });
    expect(made.adminAddress).toBe(made.address);
    expect(await counts()).toEqual([1, 1, 1]);
    const { network } = rig.operator;
    const place = { networkId: admin.admin_network_id, subnetId: admin.admin_subnet_id };
    const { id } = await ensureHostPort(network, { host: 'devcloud', ...place });
    await bench.steps.releaseServiceNetwork(ref);
    expect(await network.findPort(id)).toBeDefined();
    await bench.steps.deleteServerPort(instance);
    await bench.steps.releaseServiceNetwork(ref);
    expect(await network.findPort(id)).toBeUndefined();
    await network.deleteNetwork(admin.admin_network_id);
  });

  test("need no service network between the tenant's and the operator's", async () => {
    const admin = await addAdminNetwork();
    const instance = await addLayout({ ...connected, ...admin });
    const made = await bench.steps.ensureServerPort(instance);
    expect(made).toMatchObject({
      portIds: [expect.any(String), expect.any(String)],
      address: expect.stringMatching(/^172\.30\./),
      exportAddress: expect.stringMatching(/^10\.40\./),
    });
    expect(await counts()).toEqual([0, 0, 0]);
    expect((await bench.steps.resolveImageAndFlavor(bench)).adminNetwork).toBe(true);
    await bench.steps.deleteServerPort(instance);
    await bench.steps.releaseServiceNetwork(ref);
    await rig.operator.network.deleteNetwork(admin.admin_network_id);
  });

  test('are found again after the answer to the creation of any was lost', async () => {
    const admin = await addAdminNetwork();
    const instance = await addLayout(connected);
    for (const name of ['-tenant"', `${instance.instanceId}"`]) {
      await rig.planFault({ operation: 'port.create', body: name }, { reset: true, after: true });
      await failureOf(bench.steps.ensureServerPort(instance));
    }
    await bench.steps.ensureServerPort(instance);
    expect(await portNames(instance.instanceId)).toHaveLength(2);
    await rig.operator.network.deleteNetwork(admin.admin_network_id);
  });

  test('are those of the layout of their own share network, whatever others have', async () => {
    const routed = { ...ref, instanceId: 'routed' };
    await bench.steps.ensureServerPort(routed);
    const same = { ...shareNetwork, routerId: null };
    const direct = { ...ref, shareNetwork: same, instanceId: 'direct' };
    await bench.steps.ensureServerPort(direct);
    expect((await serviceParts()).subnets).toHaveLength(2);
    await bench.steps.deleteServerPort(routed);
    await bench.steps.releaseServiceNetwork(routed);
    expect((await serviceParts()).subnets).toMatchObject([{ gatewayIp: null }]);
    await bench.steps.deleteServerPort(direct);
    await bench.steps.releaseServiceNetwork(direct);
    expect(await counts()).toEqual([0, 0, 0]);
  });
});

describe('two backends in one project', () => {
  test('share a service subnet and a group for one share network, and one may leave first', async () => {
    const { options } = bench;
    const other = await rig.addBackend({
      service_network_name: options.service_network_name,
      service_instance_security_group: options.service_instance_security_group,
    });
    const mine = { ...ref, instanceId: `${bench.backend}-x-0` };
    const theirs = { ...ref, backend: other.backend, instanceId: `${other.backend}-x-0` };
    await Promise.all([
      bench.retried.ensureServerPort(mine),
      other.retried.ensureServerPort(theirs),
    ]);
    expect(await counts()).toEqual([1, 1, 1]);
    expect(await groups()).toHaveLength(1);
    await bench.steps.deleteServerPort(mine);
    await bench.steps.releaseServiceNetwork(ref);
    await bench.steps.deleteSecurityGroup(ref);
    expect(await counts()).toEqual([1, 1, 1]);
    expect(await groups()).toHaveLength(1);
    await other.steps.deleteServerPort(theirs);
    await other.steps.releaseServiceNetwork(theirs);
    await other.steps.deleteSecurityGroup(theirs);
    expect(await counts()).toEqual([0, 0, 0]);
    expect(await groups()).toEqual([]);
  });
});
