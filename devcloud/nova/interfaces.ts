import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { badRequest, conflict, notFound } from '../api/errors.js';
import { parseBody } from '../api/parse.js';
import { operation } from '../api/service.js';
import type { Cloud } from '../cloud.js';
import type { Port } from '../neutron/rows.js';
import { mustBe } from './errors.js';
import type { Server } from './rows.js';
import { bindOne, portsOf, unbindOne } from './server-ports.js';
import { findServer, type OnePath } from './servers.js';

const createRequest = z.object({
  interfaceAttachment: z
    .object({
      port_id: z.string(),
      net_id: z.string(),
      fixed_ips: z.array(z.object({ ip_address: z.string() })),
      tag: z.string(),
    })
    .partial(),
});

interface PortPath {
  Params: { id: string; portId: string };
}

const view = (port: Port, minor: number) => ({
  net_id: port.networkId,
  port_id: port.id,
  mac_addr: port.macAddress,
  port_state: port.status,
  fixed_ips: port.fixedIps.map(({ subnetId, ipAddress }) => ({
    subnet_id: subnetId,
    ip_address: ipAddress,
  })),
  ...(minor >= 70 && { tag: null }),
});

/** Ports of a server. A running guest sees a new one at its next power-on. */
export function interfaceRoutes(app: FastifyInstance, cloud: Cloud): void {
  const path = '/servers/:id/os-interface';

  app.get<OnePath>(path, operation('interface.list'), ({ caller, params, minor }) => {
    const server = findServer(cloud, caller, params.id);
    return { interfaceAttachments: portsOf(cloud, server).map((port) => view(port, minor)) };
  });

  const find = (server: Server, portId: string): Port => {
    const port = cloud.tables.ports.get(portId);
    if (!port) throw notFound(`Port id ${portId} could not be found.`);
    if (port.deviceId !== server.id) {
      throw notFound(`Instance ${server.id} does not have a port with id ${portId}`);
    }
    return port;
  };

  app.get<PortPath>(
    `${path}/:portId`,
    operation('interface.show'),
    ({ caller, params, minor }) => ({
      interfaceAttachment: view(find(findServer(cloud, caller, params.id), params.portId), minor),
    }),
  );

  app.post<OnePath>(path, operation('interface.attach'), ({ caller, params, body, minor }) => {
    const server = findServer(cloud, caller, params.id);
    mustBe(server, ['active', 'stopped'], 'attach_interface');
    const ask = parseBody(createRequest, body).interfaceAttachment;
    if (ask.net_id && ask.port_id) throw badRequest('Must not input both network_id and port_id');
    return { interfaceAttachment: view(attach(cloud, server, ask), minor) };
  });

  app.delete<PortPath>(
    `${path}/:portId`,
    operation('interface.detach'),
    ({ caller, params }, reply) => {
      const server = findServer(cloud, caller, params.id);
      mustBe(server, ['active', 'stopped'], 'detach_interface');
      unbindOne(cloud, server, find(server, params.portId));
      return reply.status(202).send();
    },
  );
}

function attach(
  cloud: Cloud,
  server: Server,
  ask: z.output<typeof createRequest>['interfaceAttachment'],
): Port {
  const { port_id: portId, net_id: networkId } = ask;
  if (portId) {
    const port = cloud.tables.ports.get(portId);
    if (!port) throw notFound(`Port id ${portId} could not be found.`);
    if (port.deviceId) throw conflict(`Port ${portId} is still in use.`);
    cloud.tables.servers.update(server.id, { keptPortIds: [...server.keptPortIds, portId] });
  }
  if (networkId && !cloud.tables.networks.get(networkId)) {
    throw notFound(`Network ${networkId} could not be found.`);
  }
  if (!portId && !networkId) throw badRequest('No network to attach to was given.');
  const port = bindOne(cloud, server, {
    portId,
    networkId,
    fixedIp: ask.fixed_ips?.[0]?.ip_address,
  });
  cloud.tables.servers.update(server.id, { portIds: [...server.portIds, port.id] });
  return port;
}
