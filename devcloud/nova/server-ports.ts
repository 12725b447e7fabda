import type { Cloud } from '../cloud.js';
import { createPort, updatePort } from '../neutron/port-changes.js';
import { systemCaller } from '../neutron/routers.js';
import { ensureDefaultGroup } from '../neutron/security-groups.js';
import type { Port } from '../neutron/rows.js';
import type { Server, ServerNetwork } from './rows.js';

const binding = (server: Server) => ({
  device_id: server.id,
  device_owner: `compute:${server.availabilityZone}`,
  'binding:host_id': 'devcloud',
});

/** A server's ports, in the order of its interfaces. */
export function portsOf({ tables }: Cloud, { id, portIds }: Server): Port[] {
  const ports = tables.ports.where(({ deviceId }) => deviceId === id);
  const place = (port: Port) =>
    portIds.includes(port.id) ? portIds.indexOf(port.id) : portIds.length;
  return ports.sort((a, b) => place(a) - place(b));
}

/** Binds the ports asked for and makes the others. Repeated, it goes on where it was cut off. */
export function bindPorts(cloud: Cloud, server: Server): void {
  const portIds = server.requestedNetworks.map(
    (network, index) => server.portIds[index] ?? bindOne(cloud, server, network).id,
  );
  cloud.tables.servers.update(server.id, { portIds });
}

export function bindOne(cloud: Cloud, server: Server, network: ServerNetwork): Port {
  if (!network.portId) return newPort(cloud, server, network);
  const port = cloud.tables.ports.get(network.portId);
  if (!port) throw new Error(`Port ${network.portId} could not be found.`);
  // Two servers may have asked for it at the same time: the first to get here has it.
  if (port.deviceId && port.deviceId !== server.id) {
    throw new Error(`Port ${port.id} is still in use.`);
  }
  return updatePort(cloud, systemCaller, port, binding(server));
}

function newPort(cloud: Cloud, server: Server, { networkId, fixedIp }: ServerNetwork): Port {
  const group = ensureDefaultGroup(cloud, server.projectId);
  const own = cloud.tables.securityGroups.where(({ projectId }) => projectId === server.projectId);
  const groups = server.securityGroups.flatMap(
    (reference) =>
      (reference === 'default' ? group : own.find(({ id, name }) => [id, name].includes(reference)))
        ?.id ?? [],
  );
  const secured = cloud.tables.networks.get(networkId ?? '')?.portSecurityEnabled;
  return createPort(cloud, systemCaller, {
    project_id: server.projectId,
    network_id: networkId,
    fixed_ips: fixedIp ? [{ ip_address: fixedIp }] : undefined,
    security_groups: secured ? groups : undefined,
    ...binding(server),
  });
}

/** What Nova made goes, what was there before stays and is free again. */
export function unbindPorts(cloud: Cloud, server: Server): void {
  for (const port of cloud.tables.ports.where(({ deviceId }) => deviceId === server.id)) {
    unbindOne(cloud, server, port);
  }
}

export function unbindOne(cloud: Cloud, { keptPortIds }: Server, port: Port): void {
  if (!keptPortIds.includes(port.id)) return cloud.tables.ports.delete(port.id);
  updatePort(cloud, systemCaller, port, {
    device_id: '',
    device_owner: '',
    'binding:host_id': '',
  });
}
