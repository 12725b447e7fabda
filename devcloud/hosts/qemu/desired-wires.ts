import ipaddr from 'ipaddr.js';
import type { NetworkPlane } from '../hosts.js';
import { bridgeOf, interfaceOf, type Names, tapOf, wireOf } from './names.js';

type Port = NetworkPlane['ports'][number];
type Subnet = NetworkPlane['subnets'][number];

/** An interface of one of our namespaces, and the cable from it to its network's bridge. */
export interface Wire {
  namespace: string;
  /** The cable's end at the bridge; tells one wire from another. */
  plug: string;
  bridge: string;
  interfaceName: string;
  macAddress?: string;
  mtu: number;
  /** With prefix length. */
  addresses: string[];
  routes: { destination: string; nexthop: string }[];
}

export interface DesiredWires {
  bridges: { name: string; mtu: number }[];
  /** Taps of servers, by name, with their bridge. */
  taps: Map<string, { bridge: string; mtu: number }>;
  wires: Wire[];
  /** Networks by the namespace that serves them DHCP. */
  dhcp: Map<string, string>;
  routers: Set<string>;
}

/** What must exist for the plane, for servers with these ports, and for client hosts at these ports. */
export function desiredWires(
  plane: NetworkPlane,
  names: Names,
  serverPorts: ReadonlySet<string>,
  clients: readonly Port[],
): DesiredWires {
  const desired: DesiredWires = {
    bridges: plane.networks.map(({ id, mtu }) => ({ name: bridgeOf(id), mtu })),
    taps: new Map(),
    wires: [],
    dhcp: new Map(),
    routers: new Set(),
  };
  for (const network of plane.networks) {
    const ports = plane.ports.filter((port) => port.networkId === network.id);
    for (const { id } of ports.filter((port) => serverPorts.has(port.id))) {
      desired.taps.set(tapOf(id), { bridge: bridgeOf(network.id), mtu: network.mtu });
    }
    const namespace = names.dhcp(network.id);
    desired.dhcp.set(namespace, network.id);
    desired.wires.push(dhcpWire(plane, network, ports, namespace));
  }
  for (const router of plane.routers) {
    desired.routers.add(names.router(router.id));
    desired.wires.push(...routerWires(plane, router, names));
  }
  for (const port of clients) desired.wires.push(...clientWires(plane, port, names));
  return desired;
}

/** Stands for the cloud itself on a network: serves DHCP, and is where `connect` starts from. */
function dhcpWire(
  plane: NetworkPlane,
  network: NetworkPlane['networks'][number],
  ports: Port[],
  namespace: string,
): Wire {
  const own = ports.find((port) => port.deviceOwner === 'network:dhcp');
  const addresses = plane.subnets
    .filter((subnet) => subnet.networkId === network.id)
    .flatMap((subnet) => {
      const given = own?.fixedIps.find((ip) => ip.subnetId === subnet.id)?.ipAddress;
      const address = given ?? highestFree(subnet, plane.ports);
      return address === undefined ? [] : [withPrefix(address, subnet)];
    });
  return {
    ...cable(namespace, network),
    ...(own && { macAddress: own.macAddress }),
    addresses,
    routes: [],
  };
}

/** Its external gateway is left out: nothing may leave these namespaces. */
function routerWires(
  plane: NetworkPlane,
  router: NetworkPlane['routers'][number],
  names: Names,
): Wire[] {
  return plane.ports
    .filter((port) => router.portIds.includes(port.id))
    .filter((port) => port.deviceOwner !== 'network:router_gateway')
    .flatMap((port) => {
      const wire = portWire(plane, port, names.router(router.id));
      return wire ? [wire] : [];
    });
}

/** None when its network is gone: the client is then cut off. */
function clientWires(plane: NetworkPlane, port: Port, names: Names): Wire[] {
  const wire = portWire(plane, port, names.client(port.id));
  if (!wire) return [];
  const routes = subnetsOf(plane, port).flatMap(({ cidr, gatewayIp, hostRoutes }) => [
    ...(gatewayIp === null ? [] : [{ destination: everywhere(cidr), nexthop: gatewayIp }]),
    ...hostRoutes,
  ]);
  return [{ ...wire, routes }];
}

function portWire(plane: NetworkPlane, port: Port, namespace: string): Wire | undefined {
  const network = plane.networks.find(({ id }) => id === port.networkId);
  if (!network) return undefined;
  const addresses = port.fixedIps.flatMap(({ subnetId, ipAddress }) => {
    const subnet = plane.subnets.find(({ id }) => id === subnetId);
    return subnet ? [withPrefix(ipAddress, subnet)] : [];
  });
  return { ...cable(namespace, network), macAddress: port.macAddress, addresses, routes: [] };
}

function cable(
  namespace: string,
  { id, mtu }: NetworkPlane['networks'][number],
): Pick<Wire, 'namespace' | 'plug' | 'bridge' | 'interfaceName' | 'mtu'> {
  return {
    namespace,
    plug: wireOf(namespace, id),
    bridge: bridgeOf(id),
    interfaceName: interfaceOf(id),
    mtu,
  };
}

const subnetsOf = (plane: NetworkPlane, port: Port): Subnet[] =>
  plane.subnets.filter(({ id }) => port.fixedIps.some(({ subnetId }) => subnetId === id));

const withPrefix = (address: string, { cidr }: Subnet): string =>
  `${address}/${cidr.split('/')[1] ?? ''}`;

const everywhere = (cidr: string): string => (cidr.includes(':') ? '::/0' : '0.0.0.0/0');

/** The last address of a subnet that no port and no gateway has, so that the cloud can reach it. */
function highestFree(subnet: Subnet, ports: Port[]): string | undefined {
  const [network, bits] = ipaddr.parseCIDR(subnet.cidr);
  const taken = new Set(
    ports
      .flatMap((port) => port.fixedIps)
      .filter((ip) => ip.subnetId === subnet.id)
      .map((ip) => ipaddr.parse(ip.ipAddress).toString()),
  );
  if (subnet.gatewayIp !== null) taken.add(ipaddr.parse(subnet.gatewayIp).toString());
  const width = network.kind() === 'ipv4' ? 32 : 128;
  const first = toBigInt(network.toByteArray()) & ~((1n << BigInt(width - bits)) - 1n);
  // In IPv4 the very last address is the broadcast.
  const last = first + (1n << BigInt(width - bits)) - (width === 32 ? 2n : 1n);
  for (let candidate = last; candidate > first && candidate > last - 4096n; candidate -= 1n) {
    const address = fromBigInt(candidate, width);
    if (!taken.has(address)) return address;
  }
  return undefined;
}

const toBigInt = (bytes: number[]): bigint =>
  bytes.reduce((value, byte) => (value << 8n) | BigInt(byte), 0n);

function fromBigInt(value: bigint, width: number): string {
  const bytes: number[] = [];
  for (let shift = width - 8; shift >= 0; shift -= 8) {
    bytes.push(Number((value >> BigInt(shift)) & 255n));
  }
  return ipaddr.fromByteArray(bytes).toString();
}
