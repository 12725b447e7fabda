import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { Caller } from '../api/caller.js';
import { operation } from '../api/service.js';
import type { Cloud } from '../cloud.js';
import { overlaps, parsePrefix } from './addresses.js';
import { badResource, malformed, neutronError } from './errors.js';
import { createPort, updatePort } from './port-changes.js';
import { portKind } from './ports.js';
import { findOwn, findVisible } from './resource.js';
import { routerKind } from './routers.js';
import type { Port, Router, Subnet } from './rows.js';
import { subnetKind } from './subnets.js';

const interfaceOwner = 'network:router_interface';
const fields = z.object({ subnet_id: z.string(), port_id: z.string() }).partial();
type Fields = z.output<typeof fields>;

interface OnePath {
  Params: { id: string };
}

export function routerInterfaceRoutes(app: FastifyInstance, cloud: Cloud): void {
  const path = '/v2.0/routers/:id';

  app.put<OnePath>(`${path}/add_router_interface`, operation('router.add_interface'), (request) => {
    const router = findOwn(routerKind, cloud, request.caller, request.params.id);
    const ask = parseInterface(request.body);
    if (ask.subnet_id && ask.port_id) {
      throw badResource('router', 'Cannot specify both subnet-id and port-id');
    }
    const port = ask.port_id
      ? addPort(cloud, request.caller, router, ask.port_id)
      : addSubnet(cloud, request.caller, router, ask.subnet_id ?? '');
    return interfaceView(router, port);
  });

  app.put<OnePath>(
    `${path}/remove_router_interface`,
    operation('router.remove_interface'),
    (request) => {
      const router = findOwn(routerKind, cloud, request.caller, request.params.id);
      const port = interfaceToRemove(cloud, router, parseInterface(request.body));
      cloud.tables.ports.delete(port.id);
      return interfaceView(router, port);
    },
  );
}

function parseInterface(body: unknown): Fields {
  const parsed = fields.safeParse(body ?? {});
  if (!parsed.success) throw malformed('Invalid input for operation: not a router interface.');
  if (!parsed.data.subnet_id && !parsed.data.port_id) {
    throw badResource('router', 'Either subnet_id or port_id must be specified');
  }
  return parsed.data;
}

export const interfacesOf = (cloud: Cloud, routerId: string): Port[] =>
  cloud.tables.ports.where(
    ({ deviceId, deviceOwner }) => deviceId === routerId && deviceOwner === interfaceOwner,
  );

export function addSubnet(cloud: Cloud, caller: Caller, router: Router, subnetId: string): Port {
  const subnet = findVisible(subnetKind, cloud, caller, subnetId);
  if (!subnet.gatewayIp) {
    throw badResource('router', 'Subnet for router interface must have a gateway IP');
  }
  mustNotClash(cloud, router, subnet);
  return createPort(
    cloud,
    { ...caller, isAdmin: true },
    {
      project_id: router.projectId,
      network_id: subnet.networkId,
      fixed_ips: [{ subnet_id: subnet.id, ip_address: subnet.gatewayIp }],
      device_id: router.id,
      device_owner: interfaceOwner,
      port_security_enabled: false,
      'binding:host_id': 'devcloud',
    },
  );
}

function addPort(cloud: Cloud, caller: Caller, router: Router, portId: string): Port {
  const port = findVisible(portKind, cloud, caller, portId);
  if (port.deviceId !== '') {
    throw neutronError(
      409,
      'PortInUse',
      `Unable to complete operation on port ${port.id} for network ${port.networkId}. Port already has an attached device ${port.deviceId}.`,
    );
  }
  if (port.fixedIps.length === 0) {
    throw badResource('router', 'Router port must have at least one fixed IP');
  }
  for (const { subnetId } of port.fixedIps) {
    const subnet = cloud.tables.subnets.get(subnetId);
    if (subnet) mustNotClash(cloud, router, subnet);
  }
  return updatePort(cloud, { ...caller, isAdmin: true }, port, {
    device_id: router.id,
    device_owner: interfaceOwner,
    port_security_enabled: false,
    security_groups: [],
    'binding:host_id': 'devcloud',
  });
}

function mustNotClash(cloud: Cloud, router: Router, subnet: Subnet): void {
  const wanted = parsePrefix(subnet.cidr);
  for (const { fixedIps } of interfacesOf(cloud, router.id)) {
    for (const { subnetId } of fixedIps) {
      if (subnetId === subnet.id) {
        throw badResource('router', `Router already has a port on subnet ${subnetId}`);
      }
      const cidr = cloud.tables.subnets.get(subnetId)?.cidr ?? '';
      const other = parsePrefix(cidr);
      if (wanted && other && overlaps(wanted, other)) {
        throw badResource(
          'router',
          `Cidr ${subnet.cidr} of subnet ${subnet.id} overlaps with cidr ${cidr} of subnet ${subnetId}`,
        );
      }
    }
  }
}

function interfaceToRemove(cloud: Cloud, router: Router, ask: Fields): Port {
  const interfaces = interfacesOf(cloud, router.id);
  const port = interfaces.find(({ id, fixedIps }) =>
    ask.port_id ? id === ask.port_id : fixedIps.some(({ subnetId }) => subnetId === ask.subnet_id),
  );
  if (port) return port;
  throw ask.port_id
    ? neutronError(
        404,
        'RouterInterfaceNotFound',
        `Router ${router.id} does not have an interface with id ${ask.port_id}`,
      )
    : neutronError(
        404,
        'RouterInterfaceNotFoundForSubnet',
        `Router ${router.id} has no interface on subnet ${ask.subnet_id}`,
      );
}

const interfaceView = (router: Router, port: Port) => ({
  id: router.id,
  project_id: router.projectId,
  tenant_id: router.projectId,
  port_id: port.id,
  network_id: port.networkId,
  subnet_id: port.fixedIps[0]?.subnetId,
  subnet_ids: port.fixedIps.map(({ subnetId }) => subnetId),
  tags: [],
});
