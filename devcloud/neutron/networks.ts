import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { mayTouch, type Caller } from '../api/caller.js';
import { boolish, intish } from '../api/parse.js';
import { operation } from '../api/service.js';
import type { Cloud } from '../cloud.js';
import { networkNotFound, neutronError, notAllowed } from './errors.js';
import { readRoutes } from './listing.js';
import {
  answer,
  changed,
  checkQuota,
  commonFields,
  findOwn,
  newResource,
  parseResource,
  type Kind,
} from './resource.js';
import type { Network } from './rows.js';
import { ensureDefaultGroup } from './security-groups.js';
import { tagRoutes } from './tags.js';

export const networkKind: Kind<Network> = {
  singular: 'network',
  plural: 'networks',
  table: ({ tables }) => tables.networks,
  missing: networkNotFound,
  alsoVisible: (row) => row.shared || row.external,
  view: (row, { tables }, caller) => ({
    admin_state_up: row.adminStateUp,
    availability_zone_hints: [],
    availability_zones: ['nova'],
    ipv4_address_scope: null,
    ipv6_address_scope: null,
    is_default: row.isDefault,
    mtu: row.mtu,
    port_security_enabled: row.portSecurityEnabled,
    'router:external': row.external,
    shared: row.shared,
    status: 'ACTIVE',
    subnets: tables.subnets.where(({ networkId }) => networkId === row.id).map(({ id }) => id),
    ...(caller.isAdmin && {
      'provider:network_type': row.external ? 'flat' : 'vxlan',
      'provider:physical_network': row.external ? 'public' : null,
      'provider:segmentation_id': row.external ? null : row.segmentationId,
    }),
  }),
};

const fields = z.strictObject({
  ...commonFields,
  admin_state_up: boolish.optional(),
  shared: boolish.optional(),
  mtu: intish.optional(),
  port_security_enabled: boolish.optional(),
  'router:external': boolish.optional(),
  is_default: boolish.optional(),
  'provider:network_type': z.string().optional(),
  'provider:physical_network': z.string().nullish(),
  'provider:segmentation_id': intish.nullish(),
  availability_zone_hints: z.array(z.string()).optional(),
  dns_domain: z.string().nullish(),
  qos_policy_id: z.string().nullish(),
  vlan_transparent: boolish.nullish(),
});

type Fields = z.output<typeof fields>;

export function createNetwork(cloud: Cloud, caller: Caller, ask: Fields): Network {
  adminFieldsOnly(caller, ask, 'create_network');
  const base = newResource(caller, ask);
  const { networks } = cloud.tables;
  const used = networks.where(({ projectId }) => projectId === base.projectId).length;
  checkQuota(cloud, base.projectId, { resource: 'network', used });
  ensureDefaultGroup(cloud, base.projectId);
  return networks.put({
    ...base,
    adminStateUp: ask.admin_state_up ?? true,
    mtu: ask.mtu ?? (ask['router:external'] ? 1500 : 1450),
    shared: ask.shared ?? false,
    external: ask['router:external'] ?? false,
    portSecurityEnabled: ask.port_security_enabled ?? true,
    isDefault: ask.is_default ?? false,
    segmentationId: 1 + Math.max(0, ...networks.all().map((row) => row.segmentationId)),
  });
}

export function networkRoutes(app: FastifyInstance, cloud: Cloud): void {
  readRoutes(app, cloud, networkKind);
  tagRoutes(app, cloud, networkKind);

  app.post('/v2.0/networks', operation('network.create'), (request, reply) => {
    const ask = parseResource('network', fields, request.body);
    const row = createNetwork(cloud, request.caller, ask);
    return reply.status(201).send(answer(networkKind, row, cloud, request.caller));
  });

  app.put<{ Params: { id: string } }>(
    '/v2.0/networks/:id',
    operation('network.update'),
    (request) => {
      const row = findOwn(networkKind, cloud, request.caller, request.params.id);
      const ask = parseResource('network', fields, request.body);
      adminFieldsOnly(request.caller, ask, 'update_network');
      const next = cloud.tables.networks.put(changed(row, changesOf(row, ask)));
      return answer(networkKind, next, cloud, request.caller);
    },
  );

  app.delete<{ Params: { id: string } }>(
    '/v2.0/networks/:id',
    operation('network.delete'),
    (request, reply) => {
      const row = findOwn(networkKind, cloud, request.caller, request.params.id);
      deleteNetwork(cloud, row);
      return reply.status(204).send();
    },
  );
}

function adminFieldsOnly(caller: Caller, ask: Fields, action: string): void {
  if (caller.isAdmin) return;
  const reserved = Object.keys(ask).find(
    (key) =>
      key.startsWith('provider:') ||
      (['shared', 'router:external'].includes(key) && ask[key as 'shared']),
  );
  if (reserved) throw notAllowed(`${action} and rule:${action}:${reserved}`);
}

const changesOf = (row: Network, ask: Fields): Partial<Network> => ({
  name: ask.name ?? row.name,
  description: ask.description ?? row.description,
  adminStateUp: ask.admin_state_up ?? row.adminStateUp,
  shared: ask.shared ?? row.shared,
  external: ask['router:external'] ?? row.external,
  mtu: ask.mtu ?? row.mtu,
  portSecurityEnabled: ask.port_security_enabled ?? row.portSecurityEnabled,
});

/** Neutron's own ports go with the network; anyone else's keep it. */
function deleteNetwork(cloud: Cloud, { id }: Network): void {
  const { ports, subnets, networks } = cloud.tables;
  const used = ports.where((port) => port.networkId === id);
  const others = used.filter(({ deviceOwner }) => deviceOwner !== 'network:dhcp');
  if (others.length > 0) {
    throw neutronError(
      409,
      'NetworkInUse',
      `Unable to complete operation on network ${id}. There are one or more ports still in use on the network, id for these ports are: ${others.map((port) => port.id).join(',')}.`,
    );
  }
  for (const port of used) ports.delete(port.id);
  for (const subnet of subnets.where(({ networkId }) => networkId === id))
    subnets.delete(subnet.id);
  networks.delete(id);
}

/** A network that the caller may put ports on. */
export function usableNetwork(cloud: Cloud, caller: Caller, id: string): Network {
  const row = cloud.tables.networks.get(id);
  if (!row || !(mayTouch(caller, row) || row.shared || row.external)) throw networkNotFound(id);
  return row;
}
