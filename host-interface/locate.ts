import { isIPv4 } from 'node:net';
import ipaddr from 'ipaddr.js';
import type { Networks, Port, Subnet } from '../openstack/network.js';
import { HostInterfaceNotReady } from './errors.js';

/** The networks in which workers connect to service instances. */
export interface InstanceNetworks {
  /** The project's own service networks. */
  name: string;
  projectId: string;
  /** The operator's admin network, of whatever project. */
  adminNetworkId: string | null;
}

/**
 * Where a service instance is. Looked for by its port: of networks with one name, and subnets with one prefix on
 * them, only that tells which is meant.
 */
export async function locate(
  network: Networks,
  { name, projectId, adminNetworkId }: InstanceNetworks,
  address: string,
): Promise<{ networkId: string; subnetId: string; mtu: number | null }> {
  const service = await network.listNetworks({ name, project_id: projectId });
  const admin = adminNetworkId === null ? undefined : await network.findNetwork(adminNetworkId);
  const networks = [...service, ...(admin ? [admin] : [])];
  const ports = await network.listPorts({ network_id: networks.map(({ id }) => id) });
  const [found] = ports
    // A server that was there before Hawser has no mark on its port.
    .filter(
      ({ description, deviceOwner }) =>
        description.startsWith('hawser:instance=') || deviceOwner.startsWith('compute:'),
    )
    .flatMap(({ networkId, fixedIps }) =>
      fixedIps
        .filter(({ ipAddress }) => ipAddress === address)
        .map(({ subnetId }) => ({ networkId, subnetId })),
    );
  if (!found) {
    throw new HostInterfaceNotReady(
      `No service instance's port on the service network ${name}${admin ? ` or admin network ${admin.id}` : ''} has the address ${address}`,
    );
  }
  const mtu = networks.find(({ id }) => id === found.networkId)?.mtu ?? null;
  return { ...found, mtu };
}

/** A port's addresses with the prefix lengths of their subnets: `10.254.0.5/28`. */
export const withPrefix = (fixedIps: Port['fixedIps'], subnets: Subnet[]): string[] =>
  fixedIps.flatMap(({ subnetId, ipAddress }) => {
    const length = subnets.find(({ id }) => id === subnetId)?.cidr.split('/')[1];
    if (length === undefined) return [];
    if (isIPv4(ipAddress) && Number(length) > 32) {
      throw new HostInterfaceNotReady(
        `Neutron says that ${ipAddress} is on subnet ${subnetId}, whose prefix length is ${length}`,
      );
    }
    return [`${ipAddress}/${length}`];
  });

/** Whether an address is within `10.254.0.5/28`, host bits or not. */
export function contains(prefix: string, address: string): boolean {
  const [network, length] = ipaddr.parseCIDR(prefix);
  const one = ipaddr.parse(address);
  return one.kind() === network.kind() && one.match(network, length);
}
