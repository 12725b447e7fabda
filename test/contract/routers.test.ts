import { beforeAll, describe, expect, test } from 'vitest';
import type { Subnet } from '../../openstack/network.js';
import { connectAs, refusal, refusalOf, undoAfterAll, unknownId } from './clouds.js';
import { networkThings } from './network-things.js';

const demo = connectAs('demo');
const hawser = connectAs('hawser');
const { network: neutron } = demo;
const make = networkThings(demo);
const shared = networkThings(demo, undoAfterAll());

/** A router with one subnet. */
let routerId: string;
let networkId: string;
let subnet: Subnet;
let interfacePortId: string;

beforeAll(async () => {
  networkId = (await shared.network()).id;
  subnet = await shared.subnet(networkId, '10.80.0.0/24');
  routerId = (await shared.router()).id;
  interfacePortId = await shared.routerInterface(routerId, subnet.id);
});

const add = (one: Subnet) => make.routerInterface(routerId, one.id);

describe('a router', () => {
  test('has a port at the gateway of its subnet', async () => {
    const ports = await neutron.listPorts({ device_id: routerId, network_id: networkId });
    expect(ports).toMatchObject([
      {
        id: interfacePortId,
        deviceOwner: 'network:router_interface',
        fixedIps: [{ subnetId: subnet.id, ipAddress: '10.80.0.1' }],
      },
    ]);
  });

  test('stays while it has a subnet, and so do subnet and port: 409', async () => {
    expect(await refusal(neutron.deleteRouter(routerId))).toBe('409 RouterInUse');
    expect(await refusal(neutron.deleteSubnet(subnet.id))).toBe('409 SubnetInUse');
    expect(await refusal(neutron.deleteNetwork(networkId))).toBe('409 NetworkInUse');
    expect(await refusal(neutron.deletePort(interfacePortId))).toBe('409 ServicePortInUse');
  });

  test('has an interface once: adding it again is refused with 400', async () => {
    const again = await refusalOf(add(subnet));
    expect(again).toMatchObject({ status: 400, code: 'BadRequest' });
    expect(again.reason).toContain(`Router already has a port on subnet ${subnet.id}`);
  });

  test('refuses a subnet that overlaps with another of its own: 400', async () => {
    const { id } = await make.network();
    const other = await make.subnet(id, '10.80.0.128/28');
    const error = await refusalOf(add(other));
    expect(error).toMatchObject({ status: 400, code: 'BadRequest' });
    expect(error.reason).toContain(
      `Cidr ${other.cidr} of subnet ${other.id} overlaps with cidr ${subnet.cidr} of subnet ${subnet.id}`,
    );
  });

  test('refuses a subnet without a gateway: 400', async () => {
    const closed = await make.subnet(networkId, '10.81.0.0/28', { gatewayIp: null });
    expect(await refusal(add(closed))).toBe('400 BadRequest');
  });

  test('answers the removal of an interface that it has not with 404', async () => {
    const from = { subnetId: (await make.subnet(networkId, '10.82.0.0/28')).id };
    expect(await refusal(neutron.removeRouterInterface(routerId, from))).toBe(
      '404 RouterInterfaceNotFoundForSubnet',
    );
    expect(await refusal(neutron.removeRouterInterface(unknownId, from))).toBe(
      '404 RouterNotFound',
    );
  });

  test("takes the service account's subnets, though a tenant's, and lets go of them", async () => {
    const service = networkThings(hawser);
    const { id: serviceNetworkId } = await service.network();
    const { id: subnetId } = await service.subnet(serviceNetworkId, '10.83.0.0/28');
    const portId = await service.routerInterface(routerId, subnetId);
    const ports = () =>
      hawser.network.listPorts({ device_id: routerId, network_id: serviceNetworkId });
    expect(await ports()).toMatchObject([{ id: portId }]);
    await hawser.network.removeRouterInterface(routerId, { subnetId });
    expect(await ports()).toEqual([]);
    await hawser.network.deleteSubnet(subnetId);
  });

  test('that was deleted is gone', async () => {
    const { id } = await make.router();
    await neutron.deleteRouter(id);
    expect(await refusal(neutron.getRouter(id))).toBe('404 RouterNotFound');
  });
});
