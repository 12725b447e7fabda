import ipaddr from 'ipaddr.js';
import type { NetworkPlane } from '../hosts.js';

/** dnsmasq's files for one network: `main` needs a restart when it changes, the others a SIGHUP. */
export interface DhcpConfig {
  main: string;
  hosts: string;
  options: string;
}

/** Leases for the plane's ports only, with the options that Neutron gives. IPv4 only. */
export function dhcpConfig(plane: NetworkPlane, networkId: string, dir: string): DhcpConfig {
  const subnets = plane.subnets.filter(
    (subnet) => subnet.networkId === networkId && subnet.enableDhcp && !subnet.cidr.includes(':'),
  );
  const mtu = plane.networks.find(({ id }) => id === networkId)?.mtu ?? 1500;
  const main = [
    'port=0',
    'no-resolv',
    'no-hosts',
    'no-ping',
    'bind-dynamic',
    'except-interface=lo',
    'dhcp-authoritative',
    'leasefile-ro',
    'pid-file=',
    // It reads its files again on a signal, and they are for the owner only.
    'user=root',
    'group=root',
    `dhcp-hostsfile=${dir}/hosts`,
    `dhcp-optsfile=${dir}/options`,
    ...subnets.map(
      ({ id, cidr }) =>
        `dhcp-range=set:${tag(id)},${networkAddress(cidr)},static,${netmask(cidr)},86400s`,
    ),
  ];
  return {
    main: `${main.join('\n')}\n`,
    hosts: hostLines(plane, networkId, subnets),
    options: subnets.flatMap((subnet) => optionLines(subnet, mtu)).join(''),
  };
}

type Subnet = NetworkPlane['subnets'][number];

function hostLines(plane: NetworkPlane, networkId: string, subnets: Subnet[]): string {
  return plane.ports
    .filter((port) => port.networkId === networkId && port.deviceOwner !== 'network:dhcp')
    .flatMap((port) =>
      port.fixedIps
        .filter(({ subnetId }) => subnets.some(({ id }) => id === subnetId))
        .map(({ ipAddress }) => `${port.macAddress},${hostName(ipAddress)},${ipAddress}\n`),
    )
    .toSorted()
    .join('');
}

function optionLines(subnet: Subnet, mtu: number): string[] {
  const { id, gatewayIp, dnsNameservers, hostRoutes } = subnet;
  const routes = [
    ...hostRoutes,
    ...(gatewayIp === null || hostRoutes.length === 0
      ? []
      : [{ destination: '0.0.0.0/0', nexthop: gatewayIp }]),
  ].flatMap(({ destination, nexthop }) => [destination, nexthop]);
  const nameservers = dnsNameservers.filter((address) => !address.includes(':'));
  return [
    option(id, 'mtu', [String(mtu)]),
    // Named without a value, an option is not sent: dnsmasq would send its own address.
    option(id, 'router', gatewayIp === null ? [] : [gatewayIp]),
    option(id, 'dns-server', nameservers),
    ...(routes.length === 0 ? [] : [option(id, 'classless-static-route', routes)]),
  ];
}

const option = (subnetId: string, name: string, values: string[]): string =>
  `${[`tag:${tag(subnetId)}`, `option:${name}`, ...values].join(',')}\n`;

const tag = (subnetId: string): string => `subnet-${subnetId}`;
const hostName = (address: string): string => `host-${address.replaceAll('.', '-')}`;
const networkAddress = (cidr: string): string =>
  ipaddr.IPv4.networkAddressFromCIDR(cidr).toString();
const netmask = (cidr: string): string =>
  ipaddr.IPv4.subnetMaskFromPrefixLength(ipaddr.IPv4.parseCIDR(cidr)[1]).toString();
