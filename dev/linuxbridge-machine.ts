import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { runProgram } from '../devcloud/hosts/qemu/ip-command.js';
import { withPrefix } from '../host-interface/locate.js';
import { shortId } from '../host-interface/plugger.js';
import type { Cloud } from '../openstack/index.js';
import type { Port, Subnet } from '../openstack/network.js';
import { theNetwork, type ClientMachine, type ClientMachineOptions } from './client-machine.js';
import { openCloud } from './cloud.js';
import { holdNamespace, type HeldNamespace } from './held-namespace.js';
import { undoneOnFailure } from './undo-stack.js';

export interface HostOptions {
  /** This host's name in Neutron. Default: the one that has a Linux bridge agent. */
  host?: string | undefined;
}

/**
 * Plugs a machine into a tenant's network of a real cloud: a network namespace of its own at a new port that
 * the cloud `admin` of clouds.yaml binds to this host, whose Linux bridge agent does the rest. Must run as root
 * in the network namespace of that agent. Nothing of it outlives this process but the port.
 */
export async function plugLinuxbridgeMachine(
  options: ClientMachineOptions & HostOptions,
): Promise<ClientMachine> {
  return undoneOnFailure(async (undo) => {
    const tenant = openCloud(options.cloudsYaml, options.cloud);
    undo.push(() => tenant.session.close());
    const admin = openCloud(options.cloudsYaml, 'admin');
    undo.push(() => admin.session.close());
    const network = await theNetwork(tenant, options.network);
    const { projectId } = await tenant.session.authenticate();
    const hostId = options.host ?? (await onlyHost(admin));
    // Bound in the same request, so that no port is changed twice; tenants may not bind.
    const wanted = { name: options.name, networkId: network.id, projectId, hostId };
    const port = await admin.network.createPort(wanted);
    undo.push(() => admin.network.deletePort(port.id));
    const subnets = await admin.network.listSubnets({ network_id: network.id });
    const namespace = await holdNamespace();
    undo.push(() => namespace.release());
    const tap = `tap${shortId(port.id)}`;
    undo.push(() => runProgram(['ip', 'link', 'del', tap]).catch(() => undefined));
    await connect(namespace, tap, { port, subnets, mtu: network.mtu ?? 1500 });
    await untilActive(admin, port.id, hostId);
    const address = port.fixedIps[0]?.ipAddress ?? '';
    return { address, command: namespace.command, remove: undo.undoAll };
  });
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

interface Link {
  port: Port;
  /** Of the port's network. */
  subnets: Subnet[];
  mtu: number;
}

async function connect(
  namespace: HeldNamespace,
  tap: string,
  { port, subnets, mtu }: Link,
): Promise<void> {
  const far = ['peer', 'name', 'eth0', 'address', port.macAddress, 'mtu', String(mtu)];
  const near = ['ip', 'link', 'add', tap, 'mtu', String(mtu), 'type', 'veth'];
  await runProgram([...near, ...far, 'netns', String(namespace.pid)]);
  const own = subnets.filter(({ id }) => port.fixedIps.some(({ subnetId }) => subnetId === id));
  const inside = [
    'link set lo up',
    'link set eth0 up',
    ...withPrefix(port.fixedIps, subnets).map((address) => `addr add ${address} dev eth0`),
    ...own.flatMap(({ gatewayIp }) => gatewayIp ?? []).map(viaGateway),
  ];
  await runProgram([...namespace.command, 'ip', '-batch', '-'], inside.join('\n'));
  await runProgram(['ip', 'link', 'set', tap, 'up']);
}

const viaGateway = (gateway: string): string => `route replace default via ${gateway}`;

/** Longer than a worker waits for its own port: here nobody tries again. */
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
