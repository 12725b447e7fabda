import { z } from 'zod';
import type { Caller } from '../api/caller.js';
import { boolish, intish } from '../api/parse.js';
import type { Cloud } from '../cloud.js';
import {
  canonical,
  contains,
  defaultPools,
  isAddress,
  overlaps,
  parsePrefix,
  toAddress,
  toNumber,
  type Prefix,
} from './addresses.js';
import { ensureDhcpPort } from './dhcp-ports.js';
import { badResource, invalidInput, neutronError } from './errors.js';
import { networkKind } from './networks.js';
import { checkQuota, commonFields, findOwn, newResource } from './resource.js';
import type { AddressRange, Network, Subnet } from './rows.js';

const address = z.string().refine(isAddress, {
  error: ({ input }) => `'${String(input)}' is not a valid IP address`,
});

const pool = z.object({ start: address, end: address });

const route = z.object({ destination: z.string(), nexthop: address });

export const subnetFields = z.strictObject({
  ...commonFields,
  network_id: z.uuid().optional(),
  ip_version: intish.optional(),
  cidr: z.string().nullish(),
  prefixlen: intish.nullish(),
  gateway_ip: address.nullish(),
  enable_dhcp: boolish.optional(),
  allocation_pools: z.array(pool).optional(),
  dns_nameservers: z.array(address).optional(),
  host_routes: z.array(route).optional(),
  ipv6_address_mode: z.string().nullish(),
  ipv6_ra_mode: z.string().nullish(),
  service_types: z.array(z.string()).optional(),
  subnetpool_id: z.string().nullish(),
  use_default_subnetpool: boolish.optional(),
  segment_id: z.string().nullish(),
  dns_publish_fixed_ip: boolish.optional(),
});

export type SubnetFields = z.output<typeof subnetFields>;

export function createSubnet(cloud: Cloud, caller: Caller, ask: SubnetFields): Subnet {
  const network = findOwn(networkKind, cloud, caller, ask.network_id ?? '');
  const prefix = wantedPrefix(ask);
  mustNotOverlap(cloud, network, prefix);
  const gatewayIp = wantedGateway(ask.gateway_ip, prefix);
  const base = newResource({ ...caller, projectId: network.projectId || caller.projectId }, ask);
  const used = cloud.tables.subnets.where(({ projectId }) => projectId === base.projectId).length;
  checkQuota(cloud, base.projectId, { resource: 'subnet', used });
  const subnet = cloud.tables.subnets.put({
    ...base,
    networkId: network.id,
    ipVersion: prefix.version,
    cidr: prefix.cidr,
    gatewayIp,
    enableDhcp: ask.enable_dhcp ?? true,
    allocationPools: wantedPools(ask.allocation_pools, prefix, gatewayIp),
    dnsNameservers: ask.dns_nameservers ?? [],
    hostRoutes: ask.host_routes ?? [],
    ipv6AddressMode: ask.ipv6_address_mode ?? null,
    ipv6RaMode: ask.ipv6_ra_mode ?? null,
    serviceTypes: ask.service_types ?? [],
  });
  ensureDhcpPort(cloud, network.id);
  return subnet;
}

function wantedPrefix({ cidr, ip_version: version }: SubnetFields): Prefix {
  if (!cidr)
    throw badResource('subnets', 'a subnetpool must be specified in the absence of a cidr');
  const prefix = parsePrefix(cidr);
  if (!prefix) throw invalidInput(`${cidr} is not in a CIDR format`);
  if (version !== undefined && version !== prefix.version) {
    throw invalidInput(`cidr '${cidr}' does not match the ip_version '${version}'`);
  }
  return prefix;
}

function mustNotOverlap(cloud: Cloud, network: Network, prefix: Prefix): void {
  for (const subnet of cloud.tables.subnets.where(({ networkId }) => networkId === network.id)) {
    const other = parsePrefix(subnet.cidr);
    if (other && overlaps(prefix, other)) {
      throw invalidInput(
        `Requested subnet with cidr: ${prefix.cidr} for network: ${network.id} overlaps with another subnet`,
      );
    }
  }
}

/** Absent is the first address, null is none. */
function wantedGateway(wanted: string | null | undefined, prefix: Prefix): string | null {
  if (wanted === null) return null;
  if (wanted === undefined) return toAddress(prefix.first + 1n, prefix.version);
  if (!contains(prefix, wanted)) throw invalidInput('Gateway is not valid on subnet');
  return canonical(wanted);
}

function wantedPools(
  wanted: AddressRange[] | undefined,
  prefix: Prefix,
  gatewayIp: string | null,
): AddressRange[] {
  if (!wanted || wanted.length === 0) return defaultPools(prefix, gatewayIp);
  for (const { start, end } of wanted) {
    const range = { first: toNumber(start), last: toNumber(end) };
    const name = `${start}-${end}`;
    if (range.first > range.last) {
      throw neutronError(400, 'InvalidAllocationPool', `The allocation pool ${name} is not valid.`);
    }
    if (!contains(prefix, start) || !contains(prefix, end)) {
      throw neutronError(
        400,
        'OutOfBoundsAllocationPool',
        `The allocation pool ${name} spans beyond the subnet cidr ${prefix.cidr}.`,
      );
    }
    if (gatewayIp && contains(range, gatewayIp)) {
      throw neutronError(
        409,
        'GatewayConflictWithAllocationPools',
        `Gateway ip ${gatewayIp} conflicts with allocation pool ${name}.`,
      );
    }
  }
  return wanted;
}
