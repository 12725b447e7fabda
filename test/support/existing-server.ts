import { setTimeout as sleep } from 'node:timers/promises';
import { cloudConfig } from '../../activities/compute.js';
import { undoneOnFailure, type UndoStack } from '../../dev/undo-stack.js';
import type { Cloud } from '../../openstack/index.js';
import type { HostKey } from '../../ssh/host-key.js';

/** Of a server that is there before Hawser: where it is, by the names that a backend's options hold. */
export const existingServer = {
  name: 'existing-nas',
  network: 'existing-net',
  cidr: '10.77.0.0/24',
  address: '10.77.0.10',
};

/** Options of hawser.yaml for a backend whose shares are all on that server. */
export const existingBackend = ({ publicKey }: Pick<HostKey, 'publicKey'>) => ({
  driver_handles_share_servers: false,
  service_instance_name_or_id: existingServer.name,
  service_net_name_or_ip: existingServer.network,
  tenant_net_name_or_ip: existingServer.address,
  service_instance_host_key: publicKey,
  // How the host of a worker gets there, where a driver takes it.
  service_network_name: existingServer.network,
  service_network_cidr: existingServer.cidr,
});

export interface Keys {
  /** Whom the server lets in. */
  userKey: Pick<HostKey, 'publicKey'>;
  /** What it proves itself with. */
  hostKey: HostKey;
}

/**
 * Boots the service image as an operator would, without Hawser: on a network of its own behind the tenant's router.
 * Returns when Nova has taken the order.
 */
export async function bootExistingServer(
  cloud: Cloud,
  keys: Keys,
): Promise<{ serverId: string; remove: UndoStack['undoAll'] }> {
  return undoneOnFailure(async (undo) => {
    const portId = await makePort(cloud, undo);
    const { compute } = cloud;
    const { name } = existingServer;
    await compute.createKeypair({ name, publicKey: keys.userKey.publicKey });
    undo.push(() => compute.deleteKeypair(name));
    const [image] = await cloud.image.findImages({ name: 'manila-service-image' });
    const flavor = await compute.findFlavor('100');
    const { id: serverId } = await compute.createServer({
      name,
      imageId: image?.id ?? '',
      flavorId: flavor?.id ?? '',
      portIds: [portId],
      keyName: name,
      configDrive: true,
      userData: cloudConfig(keys.hostKey),
    });
    undo.push(async () => {
      await compute.deleteServer(serverId);
      while (await compute.findServer(serverId)) await sleep(500);
    });
    return { serverId, remove: undo.undoAll };
  });
}

async function makePort({ network: neutron }: Cloud, undo: UndoStack): Promise<string> {
  const { network: name, cidr, address } = existingServer;
  const [router] = await neutron.listRouters({ name: 'demo-router' });
  if (!router) throw new Error('There is no router demo-router');
  const network = await neutron.createNetwork({ name });
  undo.push(() => neutron.deleteNetwork(network.id));
  const subnet = await neutron.createSubnet({ name, networkId: network.id, cidr, ipVersion: 4 });
  undo.push(() => neutron.deleteSubnet(subnet.id));
  await neutron.addRouterInterface(router.id, { subnetId: subnet.id });
  undo.push(() => neutron.removeRouterInterface(router.id, { subnetId: subnet.id }));
  undo.push(async () => {
    // Those of workers' hosts, which Hawser gives back with its own networks only.
    const ports = await neutron.listPorts({ network_id: network.id });
    const others = ports.filter(({ deviceOwner }) => !deviceOwner.startsWith('network:'));
    for (const { id } of others) await neutron.deletePort(id);
  });
  const group = await neutron.createSecurityGroup({ name });
  undo.push(() => neutron.deleteSecurityGroup(group.id));
  for (const protocol of ['tcp', 'udp']) {
    await neutron.createSecurityGroupRule({
      securityGroupId: group.id,
      direction: 'ingress',
      ethertype: 'IPv4',
      protocol,
    });
  }
  const port = await neutron.createPort({
    name,
    networkId: network.id,
    fixedIps: [{ subnetId: subnet.id, ipAddress: address }],
    securityGroupIds: [group.id],
  });
  undo.push(() => neutron.deletePort(port.id));
  return port.id;
}
