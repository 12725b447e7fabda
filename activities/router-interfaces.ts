import { OpenStackError } from '../openstack/errors.js';
import type { Subnet } from '../openstack/network.js';
import type { Backend } from './backend.js';
import { overlap } from './cidr.js';
import { passing, permanent } from './failures.js';
import { unlessGone } from './unless-gone.js';
import { isInUse } from './unless-in-use.js';

type NetworkApi = Backend['cloud']['network'];

/** The subnets that a router is on, whoever's they are: it can be on none beside that has an address of theirs. */
export async function subnetsOnRouter(
  network: NetworkApi,
  routerId: string | null,
): Promise<Subnet[]> {
  if (routerId === null) return [];
  const ports = await network.listPorts({ device_id: routerId });
  const ids = new Set(ports.flatMap(({ fixedIps }) => fixedIps.map(({ subnetId }) => subnetId)));
  return ids.size === 0 ? [] : network.listSubnets({ id: [...ids] });
}

/**
 * The way between the service subnet and the tenant's, where there is one. A new subnet whose addresses the router has
 * elsewhere by now is given up, for the next attempt to take others. Safe to repeat.
 */
export async function ensureRouterInterface(
  network: NetworkApi,
  routerId: string | null,
  subnet: Subnet,
): Promise<void> {
  if (routerId === null) return;
  const interfaces = await network.listPorts({ device_id: routerId, network_id: subnet.networkId });
  const present = interfaces.some(({ fixedIps }) =>
    fixedIps.some((ip) => ip.subnetId === subnet.id),
  );
  if (present) return;
  try {
    await unlessGone(network.addRouterInterface(routerId, { subnetId: subnet.id }));
  } catch (error) {
    if (!(error instanceof OpenStackError && error.status === 400)) throw error;
    const others = await subnetsOnRouter(network, routerId);
    const other = others.find(({ id, cidr }) => id !== subnet.id && overlap(cidr, subnet.cidr));
    if (other) await giveUp(network, routerId, subnet, other);
    // Another instance of the same share network was faster. Anything else shows at the next look.
    throw passing('CloudBusy', error.message);
  }
}

async function giveUp(
  network: NetworkApi,
  routerId: string,
  subnet: Subnet,
  other: Subnet,
): Promise<void> {
  try {
    await network.deleteSubnet(subnet.id);
  } catch (error) {
    if (!isInUse(error)) throw error;
    throw permanent(
      'SubnetsOverlap',
      `Router ${routerId} can't be on service subnet ${subnet.id} (${subnet.cidr}), which has ports: it is on subnet ${other.id} ` +
        `(${other.cidr}) of network ${other.networkId}, with addresses of the same. Take that off the router, or delete the service ` +
        'instances on the former; backends whose service_network_cidr have nothing in common never meet so',
    );
  }
}
