import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { Caller } from '../api/caller.js';
import { boolish } from '../api/parse.js';
import { operation } from '../api/service.js';
import type { Cloud } from '../cloud.js';
import { allocate, newMac } from './allocation.js';
import { neutronError, notAllowed, portNotFound, securityGroupNotFound } from './errors.js';
import { usableNetwork } from './networks.js';
import {
  answer,
  changed,
  checkQuota,
  commonFields,
  findOwn,
  newResource,
  parseResource,
  readRoutes,
  type Kind,
} from './resource.js';
import type { Network, Port } from './rows.js';
import { ensureDefaultGroup } from './security-groups.js';
import { tagRoutes } from './tags.js';

export const portKind: Kind<Port> = {
  singular: 'port',
  plural: 'ports',
  table: ({ tables }) => tables.ports,
  missing: portNotFound,
  // A network's owner sees every port on it.
  alsoVisible: (row, { tables }, caller) =>
    tables.networks.get(row.networkId)?.projectId === caller.projectId,
  view: (row, _cloud, caller) => ({
    network_id: row.networkId,
    mac_address: row.macAddress,
    fixed_ips: row.fixedIps.map(({ subnetId, ipAddress }) => ({
      subnet_id: subnetId,
      ip_address: ipAddress,
    })),
    device_id: row.deviceId,
    device_owner: row.deviceOwner,
    admin_state_up: row.adminStateUp,
    status: row.status,
    security_groups: row.securityGroupIds,
    port_security_enabled: row.portSecurityEnabled,
    allowed_address_pairs: row.allowedAddressPairs,
    extra_dhcp_opts: row.extraDhcpOpts,
    'binding:vnic_type': row.bindingVnicType,
    dns_name: row.dnsName,
    dns_assignment: [],
    qos_policy_id: null,
    qos_network_policy_id: null,
    resource_request: null,
    ip_allocation: 'immediate',
    propagate_uplink_status: true,
    ...(caller.isAdmin && bindingView(row)),
  }),
  filters: {
    network_id: ({ networkId }, values) => values.includes(networkId),
    device_id: ({ deviceId }, values) => values.includes(deviceId),
    device_owner: ({ deviceOwner }, values) => values.includes(deviceOwner),
    fixed_ips: ({ fixedIps }, values) => values.every((value) => hasFixedIp(fixedIps, value)),
    ip_address: ({ fixedIps }, values) =>
      fixedIps.some(({ ipAddress }) => values.includes(ipAddress)),
  },
};

const bindingView = (row: Port) => ({
  'binding:host_id': row.bindingHostId,
  'binding:profile': row.bindingProfile,
  'binding:vif_type': row.bindingHostId ? 'ovs' : 'unbound',
  'binding:vif_details': row.bindingHostId ? { port_filter: true, connectivity: 'l2' } : {},
});

/** `fixed_ips=ip_address=10.0.0.5` or `subnet_id=…`, as clients write it. */
function hasFixedIp(fixedIps: Port['fixedIps'], filter: string): boolean {
  const [key, value = ''] = filter.split('=');
  return fixedIps.some(({ subnetId, ipAddress }) => {
    if (key === 'subnet_id') return subnetId === value;
    return key === 'ip_address_substr' ? ipAddress.includes(value) : ipAddress === value;
  });
}

const wantedIp = z.object({ subnet_id: z.string(), ip_address: z.ipv4().or(z.ipv6()) }).partial();

const fields = z.strictObject({
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

export type PortFields = z.output<typeof fields>;

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

/** A port is up as soon as it is bound to a host and has a device. */
function bindingOf(row: Port, ask: PortFields): Partial<Port> {
  const bindingHostId =
    ask['binding:host_id'] === undefined ? row.bindingHostId : (ask['binding:host_id'] ?? '');
  return { bindingHostId, status: bindingHostId && row.deviceId ? 'ACTIVE' : 'DOWN' };
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
    if (!group || !(caller.isAdmin || group.projectId === caller.projectId))
      throw securityGroupNotFound(id);
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

export function portRoutes(app: FastifyInstance, cloud: Cloud): void {
  readRoutes(app, cloud, portKind);
  tagRoutes(app, cloud, portKind);

  app.post('/v2.0/ports', operation('port.create'), (request, reply) => {
    const ask = parseResource('port', fields, request.body);
    bindingForAdmins(request.caller, ask, 'create_port');
    const row = createPort(cloud, request.caller, ask);
    return reply.status(201).send(answer(portKind, row, cloud, request.caller));
  });

  app.put<{ Params: { id: string } }>('/v2.0/ports/:id', operation('port.update'), (request) => {
    const row = findOwn(portKind, cloud, request.caller, request.params.id);
    const ask = parseResource('port', fields, request.body);
    bindingForAdmins(request.caller, ask, 'update_port');
    return answer(portKind, updatePort(cloud, request.caller, row, ask), cloud, request.caller);
  });

  app.delete<{ Params: { id: string } }>(
    '/v2.0/ports/:id',
    operation('port.delete'),
    (request, reply) => {
      deletePort(cloud, findOwn(portKind, cloud, request.caller, request.params.id));
      return reply.status(204).send();
    },
  );
}

function bindingForAdmins(caller: Caller, ask: PortFields, action: string): void {
  const reserved = ['binding:host_id', 'binding:profile'].find((key) => key in ask);
  if (reserved && !caller.isAdmin) throw notAllowed(`${action} and rule:${action}:${reserved}`);
}

const routerOwners = ['network:router_interface', 'network:router_gateway', 'network:floatingip'];

function deletePort(cloud: Cloud, { id, deviceOwner }: Port): void {
  if (routerOwners.includes(deviceOwner)) {
    throw neutronError(
      409,
      'ServicePortInUse',
      `Port ${id} cannot be deleted directly via the port API: has device owner ${deviceOwner}.`,
    );
  }
  cloud.tables.ports.delete(id);
}
