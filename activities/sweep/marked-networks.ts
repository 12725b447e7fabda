import { isHostPort } from '../../host-interface/index.js';
import type { Network, Port, SecurityGroup, Subnet } from '../../openstack/network.js';
import type { Orphan } from '../../workflows/sweep-model.js';
import type { Backend } from '../backend.js';
import { isOurs, mark } from '../marks.js';
import { isInstanceOf, isUuid, utc, type Marked } from './marked.js';

const instanceMark = mark('instance', '');

/** The port of one of the backend's instances; undefined for any other. */
export function markedPort(
  { name: backend }: Pick<Backend, 'name'>,
  { id, name, description, createdAt, deviceId }: Port,
): Marked | undefined {
  const instanceId = description.slice(instanceMark.length);
  if (!isOurs('instance', description) || !isInstanceOf(backend, instanceId)) return undefined;
  return {
    kind: 'port',
    id,
    name,
    mark: description,
    owner: { type: 'instance', id: instanceId },
    createdAt: utc(createdAt),
    sizeGib: null,
    serverId: deviceId || null,
    takenOver: false,
  };
}

/** What instances of a project share, with all ports there are. */
export interface SharedNetworks {
  ports: Port[];
  networks: Network[];
  subnets: Subnet[];
  groups: SecurityGroup[];
  /** Of workers' hosts, in these networks and the admin network. */
  hostPorts: Port[];
}

export async function listSharedNetworks({
  cloud,
  options,
  name,
}: Backend): Promise<SharedNetworks> {
  const { projectId } = await cloud.session.authenticate();
  const own = { project_id: projectId };
  const ports = await cloud.network.listPorts(own);
  const all = await cloud.network.listNetworks(own);
  const networks = all.filter(
    ({ name: called, description }) =>
      called === options.service_network_name || description === mark('service_network', name),
  );
  const subnets: Subnet[] = [];
  for (const { id } of networks) {
    subnets.push(...(await cloud.network.listSubnets({ network_id: id })));
  }
  const groups = await cloud.network.listSecurityGroups(own);
  const joined = [options.admin_network_id, ...networks.map(({ id }) => id)];
  const hostPorts = ports.filter((port) => isHostPort(port) && joined.includes(port.networkId));
  return { ports, networks, subnets, groups, hostPorts };
}

export type SharedThing = Pick<
  Orphan,
  'kind' | 'id' | 'name' | 'mark' | 'owner' | 'why' | 'createdAt'
> & {
  /** Of the share network that it was made for. */
  shareNetworkId: string | null;
};

/** The share network that a subnet of ours was made for; what names none that can be was not made by us. */
export const shareNetworkOf = ({ description }: Subnet): string | undefined =>
  ['share_network', 'connected_share_network']
    .filter((kind) => isOurs(kind, description))
    .map((kind) => description.slice(mark(kind, '').length))
    .find(isUuid);

/** Whether one of these is an instance's port, or of a server that was there before, on a subnet of a worker's host. */
export function leadsToAnInstance({ fixedIps: own }: Port, ports: Port[]): boolean {
  return ports.some(
    ({ description, deviceOwner, fixedIps }) =>
      (isOurs('instance', description) || deviceOwner.startsWith('compute:')) &&
      fixedIps.some(({ subnetId }) => own.some((ip) => ip.subnetId === subnetId)),
  );
}

/**
 * What nobody uses but `orphanPorts`: ports of workers' hosts, subnets, then networks that would be empty without them, and
 * groups.
 */
export function unusedOf(
  backend: string,
  { ports, networks, subnets, groups, hostPorts }: SharedNetworks,
  orphanPorts: Set<string>,
): SharedThing[] {
  const others = ports.filter(({ id }) => !orphanPorts.has(id));
  const unusedHostPorts = hostPorts
    .filter((port) => !leadsToAnInstance(port, others))
    .map((port) => ({
      ...told(port),
      kind: 'host port' as const,
      owner: `worker host ${port.deviceId}`,
      why: 'no service instance has a port on its subnets',
      shareNetworkId: null,
    }));
  const unusedSubnets = subnets.flatMap((subnet): SharedThing[] => {
    const shareNetworkId = shareNetworkOf(subnet);
    const used = others.some(
      ({ description, fixedIps }) =>
        isOurs('instance', description) && fixedIps.some(({ subnetId }) => subnetId === subnet.id),
    );
    if (shareNetworkId === undefined || used) return [];
    return [
      {
        ...told(subnet),
        kind: 'subnet',
        owner: `share network ${shareNetworkId}`,
        why: 'no service instance has a port on it',
        shareNetworkId,
      },
    ];
  });
  const leaving = new Set(unusedSubnets.map(({ id }) => id));
  const stays = new Set(
    subnets.filter(({ id }) => !leaving.has(id)).map(({ networkId }) => networkId),
  );
  const ours = { owner: `backend ${backend}`, shareNetworkId: null };
  const unusedNetworks = networks
    .filter(({ description }) => description === mark('service_network', backend))
    .filter(({ id }) => !stays.has(id))
    .map((one) => ({
      ...told(one),
      ...ours,
      kind: 'network' as const,
      why: 'no service subnet in use is on it',
    }));
  const unusedGroups = groups
    .filter(({ description }) =>
      ['security_group', 'ssh_security_group'].some((kind) => description === mark(kind, backend)),
    )
    .filter(({ id }) => !others.some(({ securityGroupIds }) => securityGroupIds.includes(id)))
    .map((one) => ({
      ...told(one),
      ...ours,
      kind: 'security group' as const,
      why: 'no port is in it',
    }));
  return [...unusedHostPorts, ...unusedSubnets, ...unusedNetworks, ...unusedGroups];
}

const told = ({ id, name, description, createdAt }: Network | Subnet | SecurityGroup | Port) => ({
  id,
  name,
  mark: description,
  createdAt: utc(createdAt),
});
