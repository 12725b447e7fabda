import { OpenStackError, unlessNotFound } from '../openstack/errors.js';
import type { Networks, Port } from '../openstack/network.js';
import { oldestOnly } from '../openstack/oldest-only.js';
import { HostInterfaceNotReady } from './errors.js';

const MARK = 'hawser:host=';

/** A worker's host in a service network. */
export interface HostPlace {
  /** As the L2 agent of the host calls it. */
  host: string;
  networkId: string;
  subnetId: string;
}

/** Whether a port is some worker host's, of whatever host. */
export const isHostPort = ({ description }: Port): boolean => description.startsWith(MARK);

export const isPortOfHost = ({ description }: Port, host: string): boolean =>
  description === MARK + host;

/**
 * The host's one port in the network, found by its mark or created, bound to the host and with an address on the
 * subnet. Safe to repeat, and beside others who do it for the same host: they keep each other's addresses.
 *
 * @throws HostInterfaceNotReady if somebody gave the subnet back meanwhile
 */
export async function ensureHostPort(network: Networks, place: HostPlace): Promise<Port> {
  try {
    return await findAndExtend(network, place);
  } catch (error) {
    // That the subnet of an address is gone, Neutron calls a bad request.
    const refused = error instanceof OpenStackError && error.status === 400;
    if (!refused || (await network.findSubnet(place.subnetId))) throw error;
    throw new HostInterfaceNotReady(`Subnet ${place.subnetId} was given back: ${error.message}`);
  }
}

async function findAndExtend(network: Networks, place: HostPlace): Promise<Port> {
  const found = await findOrCreate(network, place);
  // Neutron binds a port when it is changed: one that found no agent then may find it now. Not under a condition:
  // binding counts as a change of its own, on which Neutron checks the condition once more and refuses.
  const port = isBound(found) ? found : await network.updatePort(found.id, { hostId: place.host });
  const covered = port.fixedIps.some(({ subnetId }) => subnetId === place.subnetId);
  if (covered || !isBound(port)) return port;
  const fixedIps = [...port.fixedIps, { subnetId: place.subnetId }];
  return network.updatePort(port.id, { fixedIps }, { ifRevision: port.revisionNumber });
}

async function findOrCreate(network: Networks, place: HostPlace): Promise<Port> {
  const { host, networkId, subnetId } = place;
  const name = `hawser-host-${host}`;
  return oldestOnly({
    find: async () => {
      const ports = await network.listPorts({ name, network_id: networkId });
      return ports.filter((one) => isPortOfHost(one, host));
    },
    look: network.findPort,
    create: async () =>
      network.createPort({
        name,
        description: MARK + host,
        networkId,
        fixedIps: [{ subnetId }],
        deviceId: host,
        deviceOwner: 'hawser:host',
        hostId: host,
      }),
    remove: async ({ id }) => network.deletePort(id),
  });
}

/** Neutron tells administrators only; who is not told has to believe it. */
export const isBound = ({ vifType }: Port): boolean =>
  !['unbound', 'binding_failed'].includes(vifType);

/**
 * Takes a subnet's addresses off the ports of all worker hosts, and deletes those that have no other, so that
 * the subnet can be deleted. Safe to repeat.
 */
export async function releaseHostPorts(
  network: Networks,
  ports: Port[],
  subnetId: string,
): Promise<void> {
  for (const { id, fixedIps, revisionNumber } of ports.filter(isHostPort)) {
    const others = fixedIps.filter((ip) => ip.subnetId !== subnetId);
    // Its host may be giving it an address on another subnet right now.
    const condition = { ifRevision: revisionNumber };
    if (others.length === fixedIps.length) continue;
    if (others.length === 0) await network.deletePort(id, condition);
    else await unlessNotFound(network.updatePort(id, { fixedIps: others }, condition));
  }
}
