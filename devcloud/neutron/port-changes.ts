import { z } from 'zod';
import { mayTouch, type Caller } from '../api/caller.js';
import { boolish } from '../api/parse.js';
import type { Cloud } from '../cloud.js';
import { allocate, newMac } from './allocation.js';
import { neutronError, securityGroupNotFound } from './errors.js';
import { usableNetwork } from './networks.js';
import { changed, checkQuota, commonFields, newResource } from './resource.js';
import type { Network, Port } from './rows.js';
import { ensureDefaultGroup } from './security-groups.js';

const wantedIp = z.object({ subnet_id: z.string(), ip_address: z.ipv4().or(z.ipv6()) }).partial();

export const portFields = z.strictObject({
  ...commonFields,
  network_id: z.uuid().optional(),
  mac_address: z
    .string()
    .regex(/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i, 'is not a valid MAC address')
    .optional(),
  fixed_ips: z.array(wantedIp).optional(),
  device_id: z.string().optional(),
  device_owner: z.string().optional(),
  admin_state_up: boolish.optional(),
  security_groups: z.array(z.string()).nullish(),
  port_security_enabled: boolish.optional(),
  allowed_address_pairs: z
    .array(z.object({ ip_address: z.string(), mac_address: z.string().optional() }))
    .nullish(),
  extra_dhcp_opts: z
    .array(
      z.object({
        opt_name: z.string(),
        opt_value: z.string().nullable(),
        ip_version: z.number().optional(),
      }),
    )
    .nullish(),
  'binding:host_id': z.string().nullish(),
  'binding:vnic_type': z.string().optional(),
  'binding:profile': z.record(z.string(), z.unknown()).nullish(),
  dns_name: z.string().optional(),
  dns_domain: z.string().optional(),
  qos_policy_id: z.string().nullish(),
  propagate_uplink_status: boolish.optional(),
  numa_affinity_policy: z.string().nullish(),
  tags: z.array(z.string()).optional(),
});

export type PortFields = z.output<typeof portFields>;

export function createPort(cloud: Cloud, caller: Caller, ask: PortFields): Port {
  const network = usableNetwork(cloud, caller, ask.network_id ?? '');
  const base = newResource(caller, ask);
  const used = cloud.tables.ports.where(({ projectId }) => projectId === base.projectId).length;
  checkQuota(cloud, base.projectId, { resource: 'port', used });
  if (ask.mac_address) macMustBeFree(cloud, network, ask.mac_address);
  const portSecurityEnabled = ask.port_security_enabled ?? network.portSecurityEnabled;
  const port: Port = {
    ...base,
    tags: ask.tags ?? [],
    networkId: network.id,
    macAddress: ask.mac_address?.toLowerCase() ?? newMac(cloud),
    fixedIps: allocate(cloud, network, ask.fixed_ips),
    deviceId: ask.device_id ?? '',
    deviceOwner: ask.device_owner ?? '',
    adminStateUp: ask.admin_state_up ?? true,
    status: 'DOWN',
    securityGroupIds: wantedGroups(cloud, caller, ask, base.projectId, portSecurityEnabled),
    portSecurityEnabled,
    allowedAddressPairs: [],
    extraDhcpOpts: ask.extra_dhcp_opts ?? [],
    bindingHostId: '',
    bindingVnicType: ask['binding:vnic_type'] ?? 'normal',
    bindingProfile: ask['binding:profile'] ?? {},
    dnsName: ask.dns_name ?? '',
  };
  return cloud.tables.ports.put({ ...port, ...bindingOf(port, ask), ...pairsOf(port, ask) });
}

export function updatePort(cloud: Cloud, caller: Caller, row: Port, ask: PortFields): Port {
  const network = usableNetwork(cloud, { ...caller, isAdmin: true }, row.networkId);
  const portSecurityEnabled = ask.port_security_enabled ?? row.portSecurityEnabled;
  const { projectId } = row;
  const next = changed(row, {
    name: ask.name ?? row.name,
    description: ask.description ?? row.description,
    adminStateUp: ask.admin_state_up ?? row.adminStateUp,
    fixedIps: ask.fixed_ips ? allocate(cloud, network, ask.fixed_ips, row.fixedIps) : row.fixedIps,
    deviceId: ask.device_id ?? row.deviceId,
    deviceOwner: ask.device_owner ?? row.deviceOwner,
    portSecurityEnabled,
    securityGroupIds:
      ask.security_groups === undefined
        ? row.securityGroupIds
        : wantedGroups(cloud, caller, ask, projectId, portSecurityEnabled),
    extraDhcpOpts: ask.extra_dhcp_opts ?? row.extraDhcpOpts,
    bindingProfile: ask['binding:profile'] ?? row.bindingProfile,
    bindingVnicType: ask['binding:vnic_type'] ?? row.bindingVnicType,
    dnsName: ask.dns_name ?? row.dnsName,
  });
  return cloud.tables.ports.put({ ...next, ...bindingOf(next, ask), ...pairsOf(next, ask) });
}

/** The one host with an L2 agent. On any other, binding fails as on a host whose agent is dead. */
export const isBound = ({ bindingHostId }: { bindingHostId: string }): boolean =>
  bindingHostId === 'devcloud';

/** A port is up as soon as it is bound and has a device. */
function bindingOf(row: Port, ask: PortFields): Partial<Port> {
  const bindingHostId =
    ask['binding:host_id'] === undefined ? row.bindingHostId : (ask['binding:host_id'] ?? '');
  return { bindingHostId, status: isBound({ bindingHostId }) && row.deviceId ? 'ACTIVE' : 'DOWN' };
}

const pairsOf = (row: Port, ask: PortFields): Partial<Port> =>
  ask.allowed_address_pairs
    ? {
        allowedAddressPairs: ask.allowed_address_pairs.map((pair) => ({
          ip_address: pair.ip_address,
          mac_address: pair.mac_address ?? row.macAddress,
        })),
      }
    : {};

function wantedGroups(
  cloud: Cloud,
  caller: Caller,
  { security_groups: wanted }: PortFields,
  projectId: string,
  portSecurityEnabled: boolean,
): string[] {
  if (!portSecurityEnabled) {
    if (wanted?.length) {
      throw neutronError(
        400,
        'PortSecurityAndIPRequiredForSecurityGroups',
        'Port security must be enabled and port must have an IP address in order to use security groups.',
      );
    }
    return [];
  }
  if (wanted === undefined) return [ensureDefaultGroup(cloud, projectId).id];
  for (const id of wanted ?? []) {
    const group = cloud.tables.securityGroups.get(id);
    if (!group || !mayTouch(caller, group)) throw securityGroupNotFound(id);
  }
  return wanted ?? [];
}

function macMustBeFree(cloud: Cloud, network: Network, mac: string): void {
  const wanted = mac.toLowerCase();
  if (cloud.tables.ports.find((row) => row.networkId === network.id && row.macAddress === wanted)) {
    throw neutronError(
      409,
      'MacAddressInUse',
      `Unable to complete operation for network ${network.id}. The mac address ${mac} is in use.`,
    );
  }
}
