import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { ensureHostPort, isPortOfHost, releaseHostPorts } from '../../host-interface/host-port.js';
import type { Port } from '../../openstack/network.js';
import { startActivityRig, type ActivityRig } from '../support/activities.js';

let rig: ActivityRig;
let networkId: string;
let subnets: string[];

beforeAll(async () => {
  rig = await startActivityRig();
});
afterAll(() => rig?.stop());

beforeEach(async () => {
  const { network } = rig.operator;
  networkId = (await network.createNetwork({ name: 'service' })).id;
  subnets = [];
  for (const cidr of ['10.250.0.0/28', '10.250.0.16/28', '10.250.0.32/28']) {
    subnets.push((await network.createSubnet({ networkId, cidr, ipVersion: 4 })).id);
  }
});

const subnetIds = ({ fixedIps }: Port) => fixedIps.map(({ subnetId }) => subnetId);
const ensure = (host: string, at: number) =>
  ensureHostPort(rig.operator.network, { host, networkId, subnetId: subnets[at] ?? '' });
const ports = async () => {
  const all = await rig.operator.network.listPorts({ network_id: networkId });
  return all.filter(({ deviceOwner }) => deviceOwner === 'hawser:host');
};
const release = async (at: number) =>
  releaseHostPorts(rig.operator.network, await ports(), subnets[at] ?? '');

test('a host has one port in a network, bound to it, whose addresses come with the subnets', async () => {
  const first = await ensure('devcloud', 0);
  expect(first).toMatchObject({ hostId: 'devcloud', vifType: 'ovs', status: 'ACTIVE' });
  expect(subnetIds(first)).toEqual([subnets[0]]);
  const second = await ensure('devcloud', 1);
  expect(second.id).toBe(first.id);
  expect(second.fixedIps).toContainEqual(first.fixedIps[0]);
  expect(subnetIds(second)).toEqual([subnets[0], subnets[1]]);
  expect(await ensure('devcloud', 0)).toEqual(second);
  expect(await ports()).toHaveLength(1);
});

test('each host has its own, and a port of another network is not taken for it', async () => {
  const one = await ensure('devcloud', 0);
  const other = await ensure('elsewhere', 0);
  expect(other.id).not.toBe(one.id);
  expect(isPortOfHost(other, 'elsewhere') && !isPortOfHost(other, 'devcloud')).toBe(true);
  networkId = (await rig.operator.network.createNetwork({ name: 'service' })).id;
  const spec = { networkId, cidr: '10.250.0.0/28', ipVersion: 4 } as const;
  subnets = [(await rig.operator.network.createSubnet(spec)).id];
  expect((await ensure('devcloud', 0)).id).not.toBe(one.id);
});

test('two processes of one host that begin at once end with one port', async () => {
  await Promise.allSettled([ensure('devcloud', 0), ensure('devcloud', 0)]);
  await ensure('devcloud', 0);
  expect(await ports()).toHaveLength(1);
});

test('addresses for two subnets at once are both kept: the later change is refused, and made again', async () => {
  await ensure('devcloud', 0);
  const both = await Promise.allSettled([ensure('devcloud', 1), ensure('devcloud', 2)]);
  for (const outcome of both) {
    if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ status: 412 });
  }
  await ensure('devcloud', 1);
  const last = await ensure('devcloud', 2);
  expect(subnetIds(last).sort()).toEqual(subnets.toSorted());
});

test('a port that found no L2 agent on its host is bound when there is one', async () => {
  const { network } = rig.operator;
  const unbound = await ensure('no-agent', 0);
  expect(unbound).toMatchObject({ vifType: 'binding_failed', status: 'DOWN' });
  // Addresses wait: what cannot be plugged needs none.
  expect(subnetIds(await ensure('no-agent', 1))).toEqual([subnets[0]]);
  const lost = await ensure('devcloud', 0);
  await network.updatePort(lost.id, { hostId: '' });
  expect(await ensure('devcloud', 1)).toMatchObject({ id: lost.id, hostId: 'devcloud' });
});

test('a subnet is released on every host; a port without any other address goes', async () => {
  await ensure('devcloud', 0);
  await ensure('devcloud', 1);
  await ensure('two', 0);
  await release(0);
  expect((await ports()).map(subnetIds)).toEqual([[subnets[1]]]);
  await rig.operator.network.deleteSubnet(subnets[0] ?? '');
  await release(0);
  await release(1);
  expect(await ports()).toEqual([]);
});

test('an address that a host takes while its port is released is kept', async () => {
  const before = await ensure('devcloud', 0);
  await ensure('devcloud', 1);
  const late = releaseHostPorts(rig.operator.network, [before], subnets[0] ?? '');
  await expect(late).rejects.toMatchObject({ status: 412 });
  expect((await ports()).map(subnetIds)).toEqual([[subnets[0], subnets[1]]]);
});
