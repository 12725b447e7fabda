import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { runProgram } from '../devcloud/hosts/qemu/ip-command.js';
import type { Cloud } from '../openstack/index.js';
import type { Network, Subnet } from '../openstack/network.js';
import {
  openCloud,
  theNetwork,
  type ClientMachine,
  type ClientMachineOptions,
} from './client-machine.js';
import { holdNamespace, type HeldNamespace } from './held-namespace.js';

export interface HostOptions {
  /** The cloud in clouds.yaml that may bind ports to a host. */
  adminCloud?: string | undefined;
  /** This host's name in Neutron. Default: the one that has a Linux bridge agent. */
  host?: string | undefined;
}

interface BoundPort {
  id: string;
  macAddress: string;
  /** With prefix length. */
  addresses: string[];
  mtu: number;
  gateways: string[];
}

/**
 * Plugs a machine into a tenant's network of a real cloud: a network namespace of its own at a new port
 * that is bound to this host, whose Linux bridge agent does the rest. Must run as root in the network
 * namespace of that agent. Nothing of it outlives this process but the port.
 */
export async function plugLinuxbridgeMachine(
  options: ClientMachineOptions & HostOptions,
): Promise<ClientMachine> {
  const tenant = openCloud(options.cloudsYaml, options.cloud);
  const admin = openCloud(options.cloudsYaml, options.adminCloud ?? 'admin');
  const undo: (() => Promise<unknown>)[] = [
    () => Promise.all([tenant.session.close(), admin.session.close()]),
  ];
  const remove = async () => {
    for (let step = undo.pop(); step; step = undo.pop()) await step();
  };
  try {
    const network = await theNetwork(tenant, options.network);
    const { projectId } = await tenant.session.authenticate();
    const host = options.host ?? (await onlyHost(admin));
    const port = await createBoundPort(admin, { network, projectId, host, name: options.name });
    undo.push(() => admin.network.deletePort(port.id));
    const namespace = await holdNamespace();
    undo.push(() => namespace.release());
    const tap = `tap${port.id.slice(0, 11)}`;
    undo.push(() => runProgram(['ip', 'link', 'del', tap]).catch(() => undefined));
    await connect(namespace, tap, port);
    await untilActive(admin, port.id, host);
    const address = port.addresses[0]?.split('/')[0] ?? '';
    return { address, command: namespace.command, remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

const agentsSchema = z.object({
  agents: z.array(z.object({ host: z.string(), agent_type: z.string(), alive: z.boolean() })),
});

async function onlyHost({ session }: Cloud): Promise<string> {
  const query = { agent_type: 'Linux bridge agent' };
  const call = { service: 'network', method: 'GET', path: '/agents', query } as const;
  const { agents } = await session.request({ ...call, schema: agentsSchema });
  const hosts = agents.filter(({ alive }) => alive).map(({ host }) => host);
  const [host, ...others] = hosts;
  if (host !== undefined && others.length === 0) return host;
  throw new Error(`Which host is this? Linux bridge agents run on: ${hosts.join(', ') || 'none'}`);
}

/** The tenant's, bound in the same request: tenants may not bind, and no port is changed twice. */
async function createBoundPort(
  { session, network: neutron }: Cloud,
  wanted: { network: Network; projectId: string; host: string; name: string },
): Promise<BoundPort> {
  const { network, projectId, host, name } = wanted;
  const body = {
    port: { name, network_id: network.id, project_id: projectId, 'binding:host_id': host },
  };
  const schema = z.object({ port: z.object({ id: z.string() }) });
  const call = { service: 'network', method: 'POST', path: '/ports', body } as const;
  const { id } = (await session.request({ ...call, schema })).port;
  const { fixedIps, macAddress } = await neutron.getPort(id);
  const subnets = await neutron.listSubnets({ network_id: network.id });
  const subnetOf = (subnetId: string): Subnet => {
    const subnet = subnets.find((one) => one.id === subnetId);
    if (!subnet) throw new Error(`Port ${id} has an address of an unknown subnet ${subnetId}`);
    return subnet;
  };
  return {
    id,
    macAddress,
    mtu: network.mtu ?? 1500,
    addresses: fixedIps.map(
      ({ subnetId, ipAddress }) => `${ipAddress}/${subnetOf(subnetId).cidr.split('/')[1]}`,
    ),
    gateways: fixedIps.flatMap(({ subnetId }) => subnetOf(subnetId).gatewayIp ?? []),
  };
}

async function connect(namespace: HeldNamespace, tap: string, port: BoundPort): Promise<void> {
  const { mtu, macAddress } = port;
  const far = ['peer', 'name', 'eth0', 'address', macAddress, 'mtu', String(mtu)];
  const near = ['ip', 'link', 'add', tap, 'mtu', String(mtu), 'type', 'veth'];
  await runProgram([...near, ...far, 'netns', String(namespace.pid)]);
  const inside = [
    'link set lo up',
    'link set eth0 up',
    ...port.addresses.map((address) => `addr add ${address} dev eth0`),
    ...port.gateways.map((gateway) => `route replace default via ${gateway}`),
  ];
  await runProgram([...namespace.command, 'ip', '-batch', '-'], inside.join('\n'));
  await runProgram(['ip', 'link', 'set', tap, 'up']);
}

const PLUG_LIMIT_MS = 60_000;

async function untilActive({ network }: Cloud, portId: string, host: string): Promise<void> {
  const end = Date.now() + PLUG_LIMIT_MS;
  while ((await network.getPort(portId)).status !== 'ACTIVE') {
    if (Date.now() > end) {
      throw new Error(
        `Port ${portId} was not plugged within ${PLUG_LIMIT_MS / 1000} s: is this ${host}, in the network namespace of its agent?`,
      );
    }
    await sleep(300);
  }
}
