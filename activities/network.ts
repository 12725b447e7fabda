import { log } from '@temporalio/activity';
import { HostInterfaceNotReady, HostInterfaceUnusable } from '../host-interface/errors.js';
import { isHostPort, releaseHostPorts } from '../host-interface/index.js';
import { OpenStackError, isNotFound } from '../openstack/errors.js';
import type { Network, Port, SecurityGroup, Subnet } from '../openstack/network.js';
import type { ShareNetwork } from '../workflows/model.js';
import type { Backend, Backends } from './backend.js';
import { freeSubnets } from './cidr.js';
import { passing, permanent } from './failures.js';
import { ignoreStatus } from './ignore-status.js';
import { oldestOnly } from '../openstack/oldest-only.js';

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

/**
 * Set in one request with what it marks, so that nothing of ours is ever without it. Neutron's tags need a
 * second request, and a crash between the two would leave a stranger.
 */
const mark = (kind: string, id: string) => `hawser:${kind}=${id}`;

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
    return subnets.filter(
      ({ description }) => description === mark('share_network', shareNetwork.id),
    );
  };

  const portsOf = async ({ backend, instanceId }: { backend: string; instanceId: string }) => {
    const ports = await backends(backend).cloud.network.listPorts({ name: portName(instanceId) });
    return ports.filter(({ description }) => description === mark('instance', instanceId));
  };

  const securityGroups = async ({ cloud, options }: Backend): Promise<SecurityGroup[]> => {
    const { projectId } = await cloud.session.authenticate();
    const name = options.service_instance_security_group;
    return cloud.network.listSecurityGroups({ name, project_id: projectId });
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
      create: () =>
        network.createNetwork({
          name: service_network_name,
          description: mark('service_network', backend.name),
        }),
      remove: deleteIfOurs(({ id }) => network.deleteNetwork(id)),
    });
    const subnet = await oldestOnly({
      find: () => serviceSubnets(backend, service, shareNetwork),
      create: () =>
        createServiceSubnet(backend, service, shareNetwork, () =>
          serviceSubnets(backend, service, shareNetwork),
        ),
      remove: ({ id }) => ignoreStatus(network.deleteSubnet(id), 409),
    });
    await ensureRouterInterface(network, shareNetwork.routerId, subnet);
    return { networkId: service.id, subnetId: subnet.id, cidr: subnet.cidr };
  }

  async function ensureSecurityGroup({ backend: name }: { backend: string }) {
    const backend = backends(name);
    const { network } = backend.cloud;
    const group = await oldestOnly({
      find: () => securityGroups(backend),
      create: () =>
        network.createSecurityGroup({
          name: backend.options.service_instance_security_group,
          description: mark('security_group', backend.name),
        }),
      remove: deleteIfOurs(({ id }) => network.deleteSecurityGroup(id)),
    });
    const present = await network.listSecurityGroupRules({ security_group_id: group.id });
    for (const rule of wantedRules(backend)) {
      const found = present.some(
        (one) =>
          one.direction === 'ingress' &&
          one.ethertype === 'IPv4' &&
          one.protocol === rule.protocol &&
          one.portRangeMin === rule.port &&
          one.portRangeMax === rule.port &&
          [null, '0.0.0.0/0'].includes(one.remoteIpPrefix) &&
          one.remoteGroupId === null,
      );
      if (found) continue;
      // 409: somebody made the same rule meanwhile.
      await ignoreStatus(
        unlessGone(
          network.createSecurityGroupRule({
            securityGroupId: group.id,
            direction: 'ingress',
            ethertype: 'IPv4',
            protocol: rule.protocol,
            portRangeMin: rule.port,
            portRangeMax: rule.port,
          }),
        ),
        409,
      );
    }
    return { securityGroupId: group.id };
  }

  return {
    /**
     * The ids behind `NETWORK[/SUBNET]`, and the router that leads out of it; null on a backend with one server for
     * all shares, which wants none named. Changes nothing.
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
      for (const service of await serviceNetworks(backend)) {
        for (const subnet of await serviceSubnets(backend, service, shareNetwork)) {
          await releaseSubnet(network, shareNetwork.routerId, subnet);
        }
        if (!service.description.startsWith(mark('service_network', ''))) continue;
        const left = await network.listSubnets({ network_id: service.id });
        if (left.length === 0) await ignoreStatus(network.deleteNetwork(service.id), 409);
      }
      await tidyThisHost(backend);
    },

    /** The security group of service instances, its rules compared one by one. Safe to repeat. */
    ensureSecurityGroup,

    /** Deletes the security group if it is ours and nobody uses it. Safe to repeat. */
    async deleteSecurityGroup({ backend: name }: { backend: string }): Promise<void> {
      const backend = backends(name);
      for (const { id, description } of await securityGroups(backend)) {
        if (!description.startsWith(mark('security_group', ''))) continue;
        await ignoreStatus(backend.cloud.network.deleteSecurityGroup(id), 409);
      }
    },

    /**
     * The instance's port on the service subnet, in the security group from the start. Safe to repeat: what
     * another instance, on its way out, took away meanwhile is made again.
     */
    async ensureServerPort(
      spec: NetworkRef & { instanceId: string },
    ): Promise<{ portId: string; address: string }> {
      const { network } = backends(spec.backend).cloud;
      const { networkId, subnetId } = await ensureServiceNetwork(spec);
      const { securityGroupId } = await ensureSecurityGroup(spec);
      const port = await oldestOnly({
        find: () => portsOf(spec),
        create: () =>
          unlessSubnetGone(
            network,
            subnetId,
            network.createPort({
              name: portName(spec.instanceId),
              description: mark('instance', spec.instanceId),
              networkId,
              fixedIps: [{ subnetId }],
              securityGroupIds: [securityGroupId],
            }),
          ),
        remove: ({ id }) => network.deletePort(id),
      });
      return { portId: port.id, address: addressOf(port) };
    },

    /** Deletes the instance's ports. Safe to repeat. */
    async deleteServerPort(ref: { backend: string; instanceId: string }): Promise<void> {
      const { network } = backends(ref.backend).cloud;
      for (const { id } of await portsOf(ref)) await network.deletePort(id);
    },
  };
}

type NetworkApi = Backend['cloud']['network'];

const portName = (instanceId: string) => `hawser-${instanceId}`;
const subnetName = ({ id }: ShareNetwork) => `hawser-${id}`;

/** What another instance, on its way out, took away meanwhile is made again by the next attempt. */
async function unlessGone<T>(request: Promise<T>): Promise<T> {
  try {
    return await request;
  } catch (error) {
    if (!isNotFound(error)) throw error;
    throw passing('CloudBusy', String(error));
  }
}

/** The same for an address of a subnet: that it is gone, Neutron calls a bad request. */
async function unlessSubnetGone<T>(
  network: NetworkApi,
  subnetId: string,
  request: Promise<T>,
): Promise<T> {
  try {
    return await unlessGone(request);
  } catch (error) {
    const refused = error instanceof OpenStackError && error.status === 400;
    if (!refused || (await network.findSubnet(subnetId))) throw error;
    throw passing('CloudBusy', error.message);
  }
}

/** Of several with one name only ours are removed, and none that somebody uses. */
const deleteIfOurs =
  <T extends { description: string }>(remove: (thing: T) => Promise<void>) =>
  async (thing: T): Promise<void> => {
    if (thing.description.startsWith('hawser:')) await ignoreStatus(remove(thing), 409);
  };

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

async function createServiceSubnet(
  { cloud, options }: Backend,
  service: Network,
  shareNetwork: ShareNetwork,
  findOurs: () => Promise<Subnet[]>,
): Promise<Subnet> {
  const { service_network_cidr: whole, service_network_division_mask: mask } = options;
  const firstFree = async () => {
    const taken = await cloud.network.listSubnets({ network_id: service.id });
    return freeSubnets(
      whole,
      mask,
      taken.map((subnet) => subnet.cidr),
    ).next().value;
  };
  for (let cidr = await firstFree(); cidr;) {
    try {
      return await unlessGone(
        cloud.network.createSubnet({
          name: subnetName(shareNetwork),
          description: mark('share_network', shareNetwork.id),
          networkId: service.id,
          cidr,
          ipVersion: 4,
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
    `Every /${mask} of ${whole} is in use on network ${service.name} (${service.id}); widen service_network_cidr or delete unused service instances`,
  );
}

const isInstancePort = ({ description }: Port) => description.startsWith(mark('instance', ''));

async function portsOn(network: NetworkApi, { id, networkId }: Subnet): Promise<Port[]> {
  const ports = await network.listPorts({ network_id: networkId });
  return ports.filter(({ fixedIps }) => fixedIps.some(({ subnetId }) => subnetId === id));
}

async function releaseSubnet(network: NetworkApi, routerId: string, subnet: Subnet): Promise<void> {
  const ports = await portsOn(network, subnet);
  // Also for the sake of one that an earlier attempt took away before somebody came.
  if (ports.some(isInstancePort)) return ensureRouterInterface(network, routerId, subnet);
  await releaseHostPorts(network, ports, subnet.id);
  // 404 and 400: the router is gone, or has no interface there.
  await ignoreStatus(network.removeRouterInterface(routerId, { subnetId: subnet.id }), 400, 404);
  try {
    await network.deleteSubnet(subnet.id);
  } catch (error) {
    if (!(error instanceof OpenStackError && error.status === 409)) throw error;
    const users = await portsOn(network, subnet);
    // A worker's host came back meanwhile, and is sent away by the next attempt.
    if (users.some(isHostPort) && !users.some(isInstancePort)) throw error;
    // An instance took a port here meanwhile, and needs the way that was just taken away.
    await ensureRouterInterface(network, routerId, subnet);
  }
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

async function ensureRouterInterface(network: NetworkApi, routerId: string, subnet: Subnet) {
  const interfaces = await network.listPorts({ device_id: routerId, network_id: subnet.networkId });
  const present = interfaces.some(({ fixedIps }) =>
    fixedIps.some((ip) => ip.subnetId === subnet.id),
  );
  if (present) return;
  try {
    await unlessGone(network.addRouterInterface(routerId, { subnetId: subnet.id }));
  } catch (error) {
    // 400: another instance of the same share network was faster. Anything else shows at the next look.
    if (!(error instanceof OpenStackError && error.status === 400)) throw error;
    throw passing('CloudBusy', error.message);
  }
}

interface WantedRule {
  protocol: 'tcp' | 'udp' | 'icmp';
  port: number | null;
}

/** What Manila opens, without WinRM: SSH, SMB, NFS with its helpers, ping. */
function wantedRules({ options }: Backend): WantedRule[] {
  const tcp = [...(options.limit_ssh_access ? [] : [22]), 111, 139, 445, 2049, 20048];
  return [
    ...tcp.map((port) => ({ protocol: 'tcp' as const, port })),
    ...[111, 2049, 20048].map((port) => ({ protocol: 'udp' as const, port })),
    { protocol: 'icmp', port: null },
  ];
}
