import { isHostPort } from '../../host-interface/index.js';
import { isDeleted } from '../../openstack/compute.js';
import type { Backend } from '../backend.js';
import { permanent } from '../failures.js';
import { releaseSubnet } from '../network.js';
import { unlessInUse } from '../unless-in-use.js';
import { leadsToAnInstance, shareNetworkOf } from './marked-networks.js';
import type { Removed } from './marked.js';

/** Refuses while its server is there, which would serve nobody without it. Safe to repeat. */
export async function removePort({ cloud }: Backend, id: string): Promise<void> {
  const port = await cloud.network.findPort(id);
  const server = port?.deviceId ? await cloud.compute.findServer(port.deviceId) : undefined;
  if (server && !isDeleted(server)) {
    throw permanent(
      'InstanceInUse',
      `Port ${id} is the network of server ${server.id}, which is still there: delete the server first`,
    );
  }
  await cloud.network.deletePort(id);
}

/** Of a worker's host, which makes another when it has to. One that leads to an instance again stays. Safe to repeat. */
export async function removeHostPort({ cloud }: Backend, id: string): Promise<Removed> {
  const { network } = cloud;
  const port = await network.findPort(id);
  if (!port) return 'removed';
  const ports = await network.listPorts({ network_id: port.networkId });
  if (!isHostPort(port) || leadsToAnInstance(port, ports)) return 'inUse';
  // Its host may be giving it an address on another subnet right now.
  await network.deletePort(id, { ifRevision: port.revisionNumber });
  return 'removed';
}

/** With its interface on the router. A port that an instance took meanwhile keeps it. Safe to repeat. */
export async function removeSubnet({ cloud }: Backend, id: string): Promise<Removed> {
  const { network } = cloud;
  const subnet = await network.findSubnet(id);
  if (!subnet) return 'removed';
  if (shareNetworkOf(subnet) === undefined) return 'inUse';
  const ports = await network.listPorts({ network_id: subnet.networkId });
  const router = ports.find(
    ({ deviceOwner, fixedIps }) =>
      deviceOwner.startsWith('network:') &&
      deviceOwner.includes('router') &&
      fixedIps.some(({ subnetId }) => subnetId === id),
  );
  await releaseSubnet(network, router?.deviceId ?? null, subnet);
  return (await network.findSubnet(id)) ? 'inUse' : 'removed';
}

/** Neutron says no while somebody uses it. Safe to repeat. */
export async function removeNetwork({ cloud }: Backend, id: string): Promise<Removed> {
  const { network } = cloud;
  await unlessInUse(network.deleteNetwork(id));
  return (await network.findNetwork(id)) ? 'inUse' : 'removed';
}

/** The same for a security group. */
export async function removeSecurityGroup({ cloud }: Backend, id: string): Promise<Removed> {
  const { network } = cloud;
  await unlessInUse(network.deleteSecurityGroup(id));
  return (await network.findSecurityGroup(id)) ? 'inUse' : 'removed';
}
