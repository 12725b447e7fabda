import { randomBytes } from 'node:crypto';
import type { Cloud } from '../cloud.js';
import { canonical, contains, freeAddress, parsePrefix } from './addresses.js';
import { addressTaken, invalidInput, neutronError } from './errors.js';
import type { FixedIp, Network, Subnet } from './rows.js';

export interface WantedIp {
  subnet_id?: string;
  ip_address?: string;
}

export function newMac(cloud: Cloud): string {
  const bytes = [...randomBytes(3)].map((byte) => byte.toString(16).padStart(2, '0'));
  const mac = ['fa', '16', '3e', ...bytes].join(':');
  return cloud.tables.ports.find(({ macAddress }) => macAddress === mac) ? newMac(cloud) : mac;
}

export const takenAddresses = (cloud: Cloud, subnetId: string): Set<string> =>
  new Set(
    cloud.tables.ports
      .all()
      .flatMap(({ fixedIps }) => fixedIps)
      .filter((fixedIp) => fixedIp.subnetId === subnetId)
      .map(({ ipAddress }) => ipAddress),
  );

/** The addresses of a port: those asked for, or one of each IP version. `kept` are the port's own already. */
export function allocate(
  cloud: Cloud,
  network: Network,
  wanted: WantedIp[] | undefined,
  kept: FixedIp[] = [],
): FixedIp[] {
  const subnets = cloud.tables.subnets.where(({ networkId }) => networkId === network.id);
  if (wanted) return wanted.map((one) => allocateWanted(cloud, network, subnets, one, kept));
  return ([4, 6] as const).flatMap((version) => {
    const candidates = subnets.filter(({ ipVersion }) => ipVersion === version);
    return candidates.length === 0 ? [] : [anyOf(cloud, network, candidates)];
  });
}

function allocateWanted(
  cloud: Cloud,
  network: Network,
  subnets: Subnet[],
  { subnet_id: subnetId, ip_address: address }: WantedIp,
  kept: FixedIp[],
): FixedIp {
  const subnet = subnets.find(({ id, cidr }) => {
    const prefix = parsePrefix(cidr);
    return subnetId ? id === subnetId : prefix && address && contains(prefix, address);
  });
  if (!subnet && subnetId) {
    throw invalidInput(
      `Failed to create port on network ${network.id}, because fixed_ips included invalid subnet ${subnetId}`,
    );
  }
  if (!subnet) {
    throw neutronError(
      400,
      'InvalidIpForNetwork',
      `IP address ${address} is not a valid IP for any of the subnets on the specified network.`,
    );
  }
  if (!address) {
    return kept.find((one) => one.subnetId === subnet.id) ?? anyOf(cloud, network, [subnet]);
  }
  return exactly(cloud, subnet, address, kept);
}

function exactly(cloud: Cloud, subnet: Subnet, wanted: string, kept: FixedIp[]): FixedIp {
  const ipAddress = canonical(wanted);
  const prefix = parsePrefix(subnet.cidr);
  if (!prefix || !contains(prefix, ipAddress)) {
    throw neutronError(
      400,
      'InvalidIpForSubnet',
      `IP address ${ipAddress} does not belong to subnet ${subnet.id}`,
    );
  }
  const own = kept.some((one) => one.ipAddress === ipAddress && one.subnetId === subnet.id);
  if (!own && takenAddresses(cloud, subnet.id).has(ipAddress))
    throw addressTaken(ipAddress, subnet.id);
  return { subnetId: subnet.id, ipAddress };
}

function anyOf(cloud: Cloud, network: Network, subnets: Subnet[]): FixedIp {
  for (const { id, allocationPools, ipVersion } of subnets) {
    const ipAddress = freeAddress(allocationPools, takenAddresses(cloud, id), ipVersion);
    if (ipAddress) return { subnetId: id, ipAddress };
  }
  throw neutronError(
    409,
    'IpAddressGenerationFailure',
    `No more IP addresses available on network ${network.id}.`,
  );
}
