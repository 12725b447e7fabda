import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { Caller } from '../api/caller.js';
import { boolish } from '../api/parse.js';
import { operation } from '../api/service.js';
import type { Cloud } from '../cloud.js';
import {
  badResource,
  networkNotFound,
  neutronError,
  notAllowed,
  routerNotFound,
} from './errors.js';
import { createPort } from './port-changes.js';
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
import type { ExternalGateway, Router } from './rows.js';
import { tagRoutes } from './tags.js';

export const routerKind: Kind<Router> = {
  singular: 'router',
  plural: 'routers',
  table: ({ tables }) => tables.routers,
  missing: routerNotFound,
  view: (row, { tables }, caller) => ({
    admin_state_up: row.adminStateUp,
    status: 'ACTIVE',
    external_gateway_info: row.externalGateway && {
      network_id: row.externalGateway.networkId,
      enable_snat: row.externalGateway.enableSnat,
      external_fixed_ips:
        tables.ports.get(row.externalGateway.portId)?.fixedIps.map((ip) => ({
          subnet_id: ip.subnetId,
          ip_address: ip.ipAddress,
        })) ?? [],
    },
    routes: row.routes,
    availability_zone_hints: [],
    availability_zones: ['nova'],
    flavor_id: null,
    enable_ndp_proxy: null,
    ...(caller.isAdmin && { ha: false, distributed: false }),
  }),
};

const fields = z.strictObject({
  ...commonFields,
  admin_state_up: boolish.optional(),
  external_gateway_info: z
    .object({
      network_id: z.string().optional(),
      enable_snat: boolish.optional(),
      external_fixed_ips: z
        .array(z.object({ subnet_id: z.string(), ip_address: z.string() }).partial())
        .optional(),
    })
    .nullish(),
  routes: z.array(z.object({ destination: z.string(), nexthop: z.string() })).optional(),
  availability_zone_hints: z.array(z.string()).optional(),
  ha: boolish.nullish(),
  distributed: boolish.nullish(),
  flavor_id: z.string().nullish(),
});

type Fields = z.output<typeof fields>;

export function createRouter(cloud: Cloud, caller: Caller, ask: Fields): Router {
  const base = newResource(caller, ask);
  const used = cloud.tables.routers.where(({ projectId }) => projectId === base.projectId).length;
  checkQuota(cloud, base.projectId, { resource: 'router', used });
  const router = cloud.tables.routers.put({
    ...base,
    adminStateUp: ask.admin_state_up ?? true,
    externalGateway: null,
    routes: ask.routes ?? [],
  });
  return setGateway(cloud, router, ask.external_gateway_info);
}

export function routerRoutes(app: FastifyInstance, cloud: Cloud): void {
  readRoutes(app, cloud, routerKind);
  tagRoutes(app, cloud, routerKind);

  app.post('/v2.0/routers', operation('router.create'), (request, reply) => {
    const ask = parseResource('router', fields, request.body);
    adminFieldsOnly(request.caller, ask, 'create_router');
    const row = createRouter(cloud, request.caller, ask);
    return reply.status(201).send(answer(routerKind, row, cloud, request.caller));
  });

  app.put<{ Params: { id: string } }>(
    '/v2.0/routers/:id',
    operation('router.update'),
    (request) => {
      const row = findOwn(routerKind, cloud, request.caller, request.params.id);
      const ask = parseResource('router', fields, request.body);
      const next = cloud.tables.routers.put(
        changed(row, {
          name: ask.name ?? row.name,
          description: ask.description ?? row.description,
          adminStateUp: ask.admin_state_up ?? row.adminStateUp,
          routes: ask.routes ?? row.routes,
        }),
      );
      const done = setGateway(cloud, next, ask.external_gateway_info);
      return answer(routerKind, done, cloud, request.caller);
    },
  );

  app.delete<{ Params: { id: string } }>(
    '/v2.0/routers/:id',
    operation('router.delete'),
    (request, reply) => {
      const row = findOwn(routerKind, cloud, request.caller, request.params.id);
      deleteRouter(cloud, row);
      return reply.status(204).send();
    },
  );
}

function adminFieldsOnly(caller: Caller, ask: Fields, action: string): void {
  const reserved = ['ha', 'distributed'].find((key) => key in ask);
  if (reserved && !caller.isAdmin) throw notAllowed(`${action} and rule:${action}:${reserved}`);
}

function deleteRouter(cloud: Cloud, router: Router): void {
  const { ports, routers } = cloud.tables;
  const interfaces = ports.where(
    ({ deviceId, deviceOwner }) =>
      deviceId === router.id && deviceOwner === 'network:router_interface',
  );
  if (interfaces.length > 0) {
    throw neutronError(409, 'RouterInUse', `Router ${router.id} still has ports`);
  }
  setGateway(cloud, router, null);
  routers.delete(router.id);
}

/** Undefined leaves it, null or an empty object takes it away. */
function setGateway(cloud: Cloud, router: Router, wanted: Fields['external_gateway_info']): Router {
  if (wanted === undefined) return router;
  const former = router.externalGateway;
  if (former && former.networkId === wanted?.network_id && !wanted.external_fixed_ips) {
    const externalGateway = { ...former, enableSnat: wanted.enable_snat ?? former.enableSnat };
    return cloud.tables.routers.put(changed(router, { externalGateway }));
  }
  if (former) cloud.tables.ports.delete(former.portId);
  const externalGateway = wanted?.network_id ? newGateway(cloud, router, wanted) : null;
  return cloud.tables.routers.put(changed(router, { externalGateway }));
}

function newGateway(
  cloud: Cloud,
  router: Router,
  {
    network_id: networkId = '',
    enable_snat: enableSnat = true,
    external_fixed_ips: fixedIps,
  }: NonNullable<Fields['external_gateway_info']>,
): ExternalGateway {
  const network = cloud.tables.networks.get(networkId);
  if (!network) throw networkNotFound(networkId);
  if (!network.external) {
    throw badResource('router', `Network ${networkId} is not an external network`);
  }
  // The gateway's port belongs to no project: tenants do not see it.
  const port = createPort(cloud, systemCaller, {
    network_id: networkId,
    project_id: '',
    device_id: router.id,
    device_owner: 'network:router_gateway',
    port_security_enabled: false,
    'binding:host_id': 'devcloud',
    fixed_ips: fixedIps,
  });
  return { networkId, enableSnat, portId: port.id };
}

/** Neutron itself. */
export const systemCaller: Caller = {
  userId: '',
  projectId: '',
  isAdmin: true,
  roles: ['admin'],
  tokenId: '',
};
