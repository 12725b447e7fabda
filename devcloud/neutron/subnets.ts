import type { FastifyInstance } from 'fastify';
import { operation } from '../api/service.js';
import type { Cloud } from '../cloud.js';
import { createSubnet, subnetFields, type SubnetFields } from './create-subnet.js';
import { ensureDhcpPort, removeDhcpPort } from './dhcp-ports.js';
import { neutronError, subnetNotFound } from './errors.js';
import { readRoutes } from './listing.js';
import { findOwn, answer, changed, parseResource, type Kind } from './resource.js';
import type { Subnet } from './rows.js';
import { tagRoutes } from './tags.js';

export const subnetKind: Kind<Subnet> = {
  singular: 'subnet',
  plural: 'subnets',
  table: ({ tables }) => tables.subnets,
  missing: subnetNotFound,
  alsoVisible: (row, { tables }) => tables.networks.get(row.networkId)?.shared ?? false,
  view: (row) => ({
    network_id: row.networkId,
    ip_version: row.ipVersion,
    cidr: row.cidr,
    gateway_ip: row.gatewayIp,
    enable_dhcp: row.enableDhcp,
    allocation_pools: row.allocationPools,
    dns_nameservers: row.dnsNameservers,
    host_routes: row.hostRoutes,
    ipv6_address_mode: row.ipv6AddressMode,
    ipv6_ra_mode: row.ipv6RaMode,
    service_types: row.serviceTypes,
    subnetpool_id: null,
    segment_id: null,
    dns_publish_fixed_ip: false,
  }),
};

export function subnetRoutes(app: FastifyInstance, cloud: Cloud): void {
  readRoutes(app, cloud, subnetKind);
  tagRoutes(app, cloud, subnetKind);

  app.post('/v2.0/subnets', operation('subnet.create'), (request, reply) => {
    const row = createSubnet(
      cloud,
      request.caller,
      parseResource('subnet', subnetFields, request.body),
    );
    return reply.status(201).send(answer(subnetKind, row, cloud, request.caller));
  });

  app.put<{ Params: { id: string } }>(
    '/v2.0/subnets/:id',
    operation('subnet.update'),
    (request) => {
      const row = findOwn(subnetKind, cloud, request.caller, request.params.id);
      const ask = parseResource('subnet', subnetFields, request.body);
      const next = cloud.tables.subnets.put(changed(row, changesOf(row, ask)));
      ensureDhcpPort(cloud, row.networkId);
      return answer(subnetKind, next, cloud, request.caller);
    },
  );

  app.delete<{ Params: { id: string } }>(
    '/v2.0/subnets/:id',
    operation('subnet.delete'),
    (request, reply) => {
      deleteSubnet(cloud, findOwn(subnetKind, cloud, request.caller, request.params.id));
      return reply.status(204).send();
    },
  );
}

const changesOf = (row: Subnet, ask: SubnetFields): Partial<Subnet> => ({
  name: ask.name ?? row.name,
  description: ask.description ?? row.description,
  gatewayIp: ask.gateway_ip === undefined ? row.gatewayIp : ask.gateway_ip,
  enableDhcp: ask.enable_dhcp ?? row.enableDhcp,
  allocationPools: ask.allocation_pools ?? row.allocationPools,
  dnsNameservers: ask.dns_nameservers ?? row.dnsNameservers,
  hostRoutes: ask.host_routes ?? row.hostRoutes,
  serviceTypes: ask.service_types ?? row.serviceTypes,
});

function deleteSubnet(cloud: Cloud, { id, networkId }: Subnet): void {
  const users = cloud.tables.ports.where(
    ({ fixedIps, deviceOwner }) =>
      deviceOwner !== 'network:dhcp' && fixedIps.some(({ subnetId }) => subnetId === id),
  );
  if (users.length > 0) {
    throw neutronError(
      409,
      'SubnetInUse',
      `Unable to complete operation on subnet ${id}: One or more ports have an IP allocation from this subnet.`,
    );
  }
  cloud.tables.subnets.delete(id);
  removeDhcpPort(cloud, networkId, id);
}
