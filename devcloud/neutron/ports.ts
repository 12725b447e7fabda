import type { FastifyInstance } from 'fastify';
import type { Caller } from '../api/caller.js';
import { operation } from '../api/service.js';
import type { Cloud } from '../cloud.js';
import { neutronError, notAllowed, portNotFound } from './errors.js';
import { readRoutes } from './listing.js';
import { createPort, isBound, portFields, updatePort, type PortFields } from './port-changes.js';
import { answer, findOwn, parseResource, type Kind } from './resource.js';
import type { Port } from './rows.js';
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
  'binding:vif_type': vifTypeOf(row),
  'binding:vif_details': isBound(row) ? { port_filter: true, connectivity: 'l2' } : {},
});

function vifTypeOf(row: Port): string {
  if (isBound(row)) return 'ovs';
  return row.bindingHostId ? 'binding_failed' : 'unbound';
}

/** `fixed_ips=ip_address=10.0.0.5` or `subnet_id=…`, as clients write it. */
function hasFixedIp(fixedIps: Port['fixedIps'], filter: string): boolean {
  const [key, value = ''] = filter.split('=');
  return fixedIps.some(({ subnetId, ipAddress }) => {
    if (key === 'subnet_id') return subnetId === value;
    return key === 'ip_address_substr' ? ipAddress.includes(value) : ipAddress === value;
  });
}

export function portRoutes(app: FastifyInstance, cloud: Cloud): void {
  readRoutes(app, cloud, portKind);
  tagRoutes(app, cloud, portKind);

  app.post('/v2.0/ports', operation('port.create'), (request, reply) => {
    const ask = parseResource('port', portFields, request.body);
    bindingForAdmins(request.caller, ask, 'create_port');
    const row = createPort(cloud, request.caller, ask);
    return reply.status(201).send(answer(portKind, row, cloud, request.caller));
  });

  app.put<{ Params: { id: string } }>('/v2.0/ports/:id', operation('port.update'), (request) => {
    const row = findOwn(portKind, cloud, request.caller, request.params.id);
    revisionMustFit(row, request.headers['if-match']);
    const ask = parseResource('port', portFields, request.body);
    bindingForAdmins(request.caller, ask, 'update_port');
    return answer(portKind, updatePort(cloud, request.caller, row, ask), cloud, request.caller);
  });

  app.delete<{ Params: { id: string } }>(
    '/v2.0/ports/:id',
    operation('port.delete'),
    (request, reply) => {
      const row = findOwn(portKind, cloud, request.caller, request.params.id);
      revisionMustFit(row, request.headers['if-match']);
      deletePort(cloud, row);
      return reply.status(204).send();
    },
  );
}

function bindingForAdmins(caller: Caller, ask: PortFields, action: string): void {
  const reserved = ['binding:host_id', 'binding:profile'].find((key) => key in ask);
  if (reserved && !caller.isAdmin) throw notAllowed(`${action} and rule:${action}:${reserved}`);
}

function revisionMustFit({ revision }: Port, condition: string | undefined): void {
  const wanted = condition?.split('revision_number=')[1];
  if (wanted === undefined || Number(wanted) === revision) return;
  throw neutronError(
    412,
    'RevisionNumberConstraintFailed',
    `Constrained to ${wanted}, but current revision is ${revision}`,
  );
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
