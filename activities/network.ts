import { log } from '@temporalio/activity';
import { HostInterfaceNotReady, HostInterfaceUnusable } from '../host-interface/errors.js';
import { isHostPort, releaseHostPorts } from '../host-interface/index.js';
import { OpenStackError } from '../openstack/errors.js';
import type { Network, NewPort, Port, Subnet } from '../openstack/network.js';
import type { ShareNetwork } from '../workflows/model.js';
import type { Backend, Backends } from './backend.js';
import { freeSubnets, overlap } from './cidr.js';
import { passing, permanent } from './failures.js';
import { ignoreStatus } from './ignore-status.js';
import { adminSubnet, layoutOf } from './instance-layout.js';
import { isOurs, mark } from './marks.js';
import { ensureRouterInterface, subnetsOnRouter } from './router-interfaces.js';
import {
  deleteInstanceGroups,
  ensureInstanceGroups,
  type InstanceGroups,
} from './security-groups.js';
import { noneTwice, removeListed } from './lagging-lists.js';
import { oldestOnly } from '../openstack/oldest-only.js';
import { unlessGone } from './unless-gone.js';
import { isInUse, unlessInUse } from './unless-in-use.js';

export type NetworkActivities = ReturnType<typeof createNetworkActivities>;

interface NetworkRef {
  backend: string;
  shareNetwork: ShareNetwork;
}

export interface ServiceSubnet {
  networkId: string;
  subnetId: string;
  cidr: string;
}

/** An instance's ports and what they are for. */
export interface ServerPorts {
  /** In the order of the guest's interfaces: the first one's gateway is the guest's way out. */
  portIds: string[];
  /** For SSH. */
  address: string;
  exportAddress: string;
  adminAddress: string | null;
}

type PortRole = 'tenant' | 'service' | 'admin';

/** Neutron: tenants' networks are read; the service network, its ports and its security group are ours. */
export function createNetworkActivities(backends: Backends) {
  const serviceNetworks = async ({ cloud, options }: Backend): Promise<Network[]> => {
    const { projectId } = await cloud.session.authenticate();
    const name = options.service_network_name;
    return cloud.network.listNetworks({ name, project_id: projectId });
  };

  const serviceSubnets = async (
    { cloud }: Backend,
    service: Network,
    shareNetwork: ShareNetwork,
  ): Promise<Subnet[]> => {
    const name = subnetName(shareNetwork);
    const subnets = await cloud.network.listSubnets({ name, network_id: service.id });
    return subnets.filter(({ description }) => description === subnetMark(shareNetwork));
  };

  const portsOf = async (
    { backend, instanceId }: { backend: string; instanceId: string },
    roles: PortRole[],
  ) => {
    const name = roles.map((role) => portName(instanceId, role));
    const ports = await backends(backend).cloud.network.listPorts({ name });
    return ports.filter(({ description }) => description === mark('instance', instanceId));
  };

  async function ensureServiceNetwork({
    backend: name,
    shareNetwork,
  }: NetworkRef): Promise<ServiceSubnet> {
    const backend = backends(name);
    const { network } = backend.cloud;
    const { service_network_name } = backend.options;
    const service = await oldestOnly({
      find: () => serviceNetworks(backend),
      look: network.findNetwork,
      create: () =>
        network.createNetwork({
          name: service_network_name,
          description: mark('service_network', backend.name),
        }),
      remove: async ({ id, description }) => {
        // Of several with one name only ours are removed, and none that somebody uses.
        if (isOurs('service_network', description)) {
          await unlessInUse(network.deleteNetwork(id));
        }
      },
    });
    const subnet = await oldestOnly({
      find: () => serviceSubnets(backend, service, shareNetwork),
      look: network.findSubnet,
      create: () =>
        createServiceSubnet(backend, service, shareNetwork, () =>
          serviceSubnets(backend, service, shareNetwork),
        ),
      remove: ({ id }) => unlessInUse(network.deleteSubnet(id)),
    });
    await ensureRouterInterface(network, shareNetwork.routerId, subnet);
    return { networkId: service.id, subnetId: subnet.id, cidr: subnet.cidr };
  }

  /** One of the instance's ports, in its groups from the start. */
  async function ensurePort(
    ref: { backend: string; instanceId: string },
    role: PortRole,
    place: Pick<NewPort, 'networkId' | 'securityGroupIds'> & { subnetId: string },
  ): Promise<Port> {
    const { network } = backends(ref.backend).cloud;
    const { networkId, subnetId, securityGroupIds } = place;
    return oldestOnly({
      find: () => portsOf(ref, [role]),
      look: network.findPort,
      create: () =>
        unlessSubnetGone(
          network,
          role === 'service' ? subnetId : null,
          network.createPort({
            name: portName(ref.instanceId, role),
            description: mark('instance', ref.instanceId),
            networkId,
            fixedIps: [{ subnetId }],
            securityGroupIds,
          }),
        ),
      remove: ({ id }) => network.deletePort(id),
    });
  }

  return {
    /**
     * The ids behind `NETWORK[/SUBNET]`, and the router that leads out of it where instances are behind one; null on a
     * backend with one server for all shares, which wants none named. Changes nothing.
     */
    async resolveShareNetwork({
      backend,
      shareNetwork,
    }: {
      backend: string;
      shareNetwork: string | null;
    }): Promise<ShareNetwork | null> {
      const { cloud, options } = backends(backend);
      if (!options.driver_handles_share_servers) {
        if (shareNetwork === null) return null;
        throw permanent(
          'InvalidInput',
          `Backend ${backend} has one server for all shares: leave out the share network (${shareNetwork} was given)`,
        );
      }
      if (shareNetwork === null) {
        throw permanent(
          'InvalidInput',
          `Backend ${backend} exports to share networks: name the one of the share's clients, as NETWORK or NETWORK/SUBNET`,
        );
      }
      const [networkName = '', subnetName] = shareNetwork.split('/');
      const network = await findTenantNetwork(cloud.network, networkName);
      const subnet = await findTenantSubnet(cloud.network, network, subnetName);
      if (options.connect_share_server_to_tenant_network) {
        await refuseOverlap(backends(backend), subnet);
        return { id: subnet.id, networkId: network.id, subnetId: subnet.id, routerId: null };
      }
      const routerId = await findRouter(cloud.network, subnet);
      return { id: subnet.id, networkId: network.id, subnetId: subnet.id, routerId };
    },

    /**
     * The service subnet of a share network: network, subnet and router interface, each found or created.
     * Safe to repeat, and beside others that do the same for other share networks.
     */
    ensureServiceNetwork,

    /**
     * Takes the service subnet off the router and off the ports of workers' hosts and deletes it, and the service
     * network with its last subnet. What other service instances still use stays. Safe to repeat.
     */
    async releaseServiceNetwork({ backend: name, shareNetwork }: NetworkRef): Promise<void> {
      const backend = backends(name);
      const { network } = backend.cloud;
      const release = async (service: Network) => {
        await removeListed(
          () => serviceSubnets(backend, service, shareNetwork),
          (subnet) => releaseSubnet(network, shareNetwork.routerId, subnet),
        );
        if (!isOurs('service_network', service.description)) return;
        const left = await noneTwice(() => network.listSubnets({ network_id: service.id }));
        const there = await Promise.all(left.map(({ id }) => network.findSubnet(id)));
        if (there.every((subnet) => subnet === undefined))
          await unlessInUse(network.deleteNetwork(service.id));
      };
      await removeListed(() => serviceNetworks(backend), release);
      await leaveAdminNetwork(backend);
      await tidyThisHost(backend);
    },

    /** The security groups of service instances, their rules compared one by one. Safe to repeat. */
    async ensureSecurityGroup({ backend }: { backend: string }): Promise<InstanceGroups> {
      return ensureInstanceGroups(backends(backend));
    },

    /** Deletes the security groups if they are ours and nobody uses them. Safe to repeat. */
    async deleteSecurityGroup({ backend }: { backend: string }): Promise<void> {
      await deleteInstanceGroups(backends(backend));
    },

    /**
     * The instance's ports, in their security groups from the start: in the tenant's subnet, the service subnet and
     * the admin subnet, as the backend has it. Safe to repeat: what another instance, on its way out, took away
     * meanwhile is made again.
     */
    async ensureServerPort(spec: NetworkRef & { instanceId: string }): Promise<ServerPorts> {
      const { shareNetwork } = spec;
      const backend = backends(spec.backend);
      const { options } = backend;
      const layout = layoutOf(backend, shareNetwork);
      const place = layout.service && (await ensureServiceNetwork(spec));
      const groups = await ensureInstanceGroups(backend);
      const tenantGroups = [groups.securityGroupId];
      const securityGroupIds = [...tenantGroups, groups.sshSecurityGroupId ?? []].flat();

      const { networkId, subnetId } = shareNetwork;
      const tenant =
        layout.tenant &&
        (await ensurePort(spec, 'tenant', { networkId, subnetId, securityGroupIds: tenantGroups }));
      const service = place && (await ensurePort(spec, 'service', { ...place, securityGroupIds }));
      const admin =
        layout.admin &&
        (await ensurePort(spec, 'admin', {
          networkId: options.admin_network_id ?? '',
          subnetId: options.admin_subnet_id ?? '',
          securityGroupIds,
        }));

      const ports = [tenant, service, admin].filter((port) => port !== false);
      const [exported = missingPort(spec.instanceId)] = ports;
      const managed = admin || service || exported;
      return {
        portIds: ports.map(({ id }) => id),
        address: addressOf(managed),
        exportAddress: addressOf(exported),
        adminAddress: admin ? addressOf(admin) : null,
      };
    },

    /** Deletes the instance's ports, in whatever network they are. Safe to repeat. */
    async deleteServerPort(ref: { backend: string; instanceId: string }): Promise<void> {
      const { network } = backends(ref.backend).cloud;
      await removeListed(
        () => portsOf(ref, ['tenant', 'service', 'admin']),
        ({ id }) => network.deletePort(id),
      );
    },
  };
}

type NetworkApi = Backend['cloud']['network'];

const portName = (instanceId: string, role: PortRole) =>
  role === 'service' ? `hawser-${instanceId}` : `hawser-${instanceId}-${role}`;

/** One with a router interface and one without are not the same: their instances have other ways out. */
const subnetName = ({ id, routerId }: ShareNetwork) =>
  routerId === null ? `hawser-connected-${id}` : `hawser-${id}`;
const subnetMark = ({ id, routerId }: ShareNetwork) =>
  mark(routerId === null ? 'connected_share_network' : 'share_network', id);

function missingPort(instanceId: string): never {
  throw new Error(`Service instance ${instanceId} would have no port`);
}

/** `unlessGone` for an address of a subnet of ours: that it is gone, Neutron calls a bad request. */
async function unlessSubnetGone<T>(
  network: NetworkApi,
  subnetId: string | null,
  request: Promise<T>,
): Promise<T> {
  if (subnetId === null) return request;
  try {
    return await unlessGone(request);
  } catch (error) {
    const refused = error instanceof OpenStackError && error.status === 400;
    if (!refused || (await network.findSubnet(subnetId))) throw error;
    throw passing('CloudBusy', error.message);
  }
}

function addressOf(port: Port): string {
  const [ip] = port.fixedIps;
  if (!ip) throw permanent('RequestRefused', `Port ${port.id} has no address`);
  return ip.ipAddress;
}

async function findTenantNetwork(network: NetworkApi, wanted: string): Promise<Network> {
  const byId = await network.findNetwork(wanted);
  if (byId) return byId;
  const named = await network.listNetworks({ name: wanted });
  return theOnly(named, wanted, 'network', 'NetworkNotFound');
}

async function findTenantSubnet(
  network: NetworkApi,
  { id, name }: Network,
  wanted: string | undefined,
): Promise<Subnet> {
  const subnets = await network.listSubnets({ network_id: id });
  const label = wanted ?? `on network ${name || id}`;
  const candidates =
    wanted === undefined
      ? subnets
      : subnets.filter((subnet) => subnet.id === wanted || subnet.name === wanted);
  return theOnly(candidates, label, 'subnet', 'SubnetNotFound');
}

function theOnly<T extends { id: string }>(
  found: T[],
  wanted: string,
  kind: 'network' | 'subnet',
  missing: 'NetworkNotFound' | 'SubnetNotFound',
): T {
  const [one, ...others] = found;
  if (!one) throw permanent(missing, `There is no ${kind} ${wanted}`);
  if (others.length === 0) return one;
  const ids = found.map(({ id }) => id).join(', ');
  throw permanent(
    'AmbiguousName',
    `${found.length} ${kind}s match ${wanted}: ${ids}. Give the id (NETWORK/SUBNET)`,
  );
}

/** The router of the subnet's gateway: the service instance is reached through it. */
async function findRouter(network: NetworkApi, subnet: Subnet): Promise<string> {
  const name = subnet.name || subnet.id;
  if (!subnet.gatewayIp) {
    throw permanent(
      'SubnetWithoutRouter',
      `Subnet ${name} (${subnet.id}) has no gateway; clients could not reach the service network. Set a gateway with a router`,
    );
  }
  const ports = await network.listPorts({ network_id: subnet.networkId });
  const port = ports.find(
    ({ deviceOwner, fixedIps }) =>
      deviceOwner.startsWith('network:') &&
      deviceOwner.includes('router') &&
      fixedIps.some((ip) => ip.subnetId === subnet.id && ip.ipAddress === subnet.gatewayIp),
  );
  const router = port && (await network.findRouter(port.deviceId));
  if (!router) {
    throw permanent(
      'SubnetWithoutRouter',
      `No router has the gateway ${subnet.gatewayIp} of subnet ${name} (${subnet.id}); add the subnet to a router`,
    );
  }
  return router.id;
}

/** A guest with a NIC in each of two networks with the same addresses would answer by the wrong one. */
async function refuseOverlap(backend: Backend, subnet: Subnet): Promise<void> {
  const admin = await adminSubnet(backend);
  const operators = admin
    ? { what: `admin subnet ${admin.id}`, cidr: admin.cidr }
    : { what: 'service_network_cidr', cidr: backend.options.service_network_cidr };
  if (!overlap(subnet.cidr, operators.cidr)) return;
  throw permanent(
    'InvalidInput',
    `Subnet ${subnet.name || subnet.id} (${subnet.cidr}) has addresses of ${operators.what} (${operators.cidr}): ` +
      'a service instance cannot have ports in both. Choose another subnet',
  );
}

async function createServiceSubnet(
  { cloud, options }: Backend,
  service: Network,
  shareNetwork: ShareNetwork,
  findOurs: () => Promise<Subnet[]>,
): Promise<Subnet> {
  const { service_network_cidr: whole, service_network_division_mask: mask } = options;
  const firstFree = async () => {
    const onNetwork = await cloud.network.listSubnets({ network_id: service.id });
    // Another backend may have a service network with the same addresses, and a subnet of it on this router.
    const onRouter = await subnetsOnRouter(cloud.network, shareNetwork.routerId);
    const taken = [...onNetwork, ...onRouter].map((subnet) => subnet.cidr);
    return freeSubnets(whole, mask, taken).next().value;
  };
  for (let cidr = await firstFree(); cidr;) {
    try {
      return await unlessGone(
        cloud.network.createSubnet({
          name: subnetName(shareNetwork),
          description: subnetMark(shareNetwork),
          networkId: service.id,
          cidr,
          ipVersion: 4,
          // A guest that is also in the tenant's network must not take the service network for its way out.
          gatewayIp: shareNetwork.routerId === null ? null : undefined,
          enableDhcp: true,
        }),
      );
    } catch (error) {
      // Another attempt for the same share network may have been faster.
      const [ours] = await findOurs();
      if (ours) return ours;
      // Neutron refuses an overlap with a plain 400: it was one if the part is no longer free.
      const next = await firstFree();
      if (next === cidr) throw error;
      cidr = next;
    }
  }
  throw permanent(
    'NoFreeServiceSubnet',
    `Every /${mask} of ${whole} is in use on network ${service.name} (${service.id}) or on the share network's router; widen service_network_cidr or delete unused service instances`,
  );
}

const isInstancePort = ({ description }: Port) => isOurs('instance', description);

async function portsOn(
  network: NetworkApi,
  { id, networkId }: Pick<Subnet, 'id' | 'networkId'>,
): Promise<Port[]> {
  const ports = await network.listPorts({ network_id: networkId });
  return ports.filter(({ fixedIps }) => fixedIps.some(({ subnetId }) => subnetId === id));
}

/** Safe to repeat. What an instance has a port on stays, with its way to the tenant's network. */
export async function releaseSubnet(
  network: NetworkApi,
  routerId: string | null,
  subnet: Subnet,
): Promise<void> {
  const ports = await portsOn(network, subnet);
  // Also for the sake of one that an earlier attempt took away before somebody came.
  if (ports.some(isInstancePort)) return ensureRouterInterface(network, routerId, subnet);
  await releaseHostPorts(network, ports, subnet.id);
  if (routerId !== null) {
    // 404 and 400: the router is gone, or has no interface there.
    await ignoreStatus(network.removeRouterInterface(routerId, { subnetId: subnet.id }), 400, 404);
  }
  try {
    await network.deleteSubnet(subnet.id);
  } catch (error) {
    if (!isInUse(error)) throw error;
    const users = await portsOn(network, subnet);
    // A worker's host came back meanwhile, and is sent away by the next attempt.
    if (users.some(isHostPort) && !users.some(isInstancePort)) throw error;
    // An instance took a port here meanwhile, and needs the way that was just taken away.
    await ensureRouterInterface(network, routerId, subnet);
  }
}

/** Workers' hosts leave the admin network with the last instance; it is not ours, but their ports are. */
async function leaveAdminNetwork({ cloud, options }: Backend): Promise<void> {
  const { admin_network_id: networkId, admin_subnet_id: id } = options;
  if (networkId === null || id === null) return;
  const ports = await portsOn(cloud.network, { id, networkId });
  if (!ports.some(isInstancePort)) await releaseHostPorts(cloud.network, ports, id);
}

/** The next release, connection or start of a worker here looks again, so trouble here holds up nobody. */
async function tidyThisHost({ hostInterface, name }: Backend): Promise<void> {
  try {
    await hostInterface.tidy();
  } catch (error) {
    const ofThisHost =
      error instanceof HostInterfaceNotReady || error instanceof HostInterfaceUnusable;
    if (!ofThisHost) throw error;
    log.warn('tidying the interfaces of this host failed', { error, backend: name });
  }
}
