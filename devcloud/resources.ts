import { statusOf } from './nova/views.js';
import type { Tables } from './tables.js';

interface Listed {
  id: string;
  name: string;
  project: string;
  status: string;
}

/** Everything that a tenant or a service can leave behind, so that before and after can be compared. */
export function resourcesOf(tables: Tables): Record<string, Listed[]> {
  const projectName = (id: string) => tables.projects.get(id)?.name ?? id;
  const list = <T extends { id: string; projectId: string; name?: string | null }>(
    rows: T[],
    status: (row: T) => string = () => '',
  ): Listed[] =>
    rows.map((row) => ({
      id: row.id,
      name: row.name ?? '',
      project: projectName(row.projectId),
      status: status(row),
    }));
  const interfaces = tables.ports.where(
    ({ deviceOwner }) => deviceOwner === 'network:router_interface',
  );
  return {
    servers: list(tables.servers.all(), statusOf),
    // Neutron's own come and go with networks and routers.
    ports: list(
      tables.ports.where(({ deviceOwner }) => !deviceOwner.startsWith('network:')),
      ({ status }) => status,
    ),
    networks: list(tables.networks.all()),
    subnets: list(tables.subnets.all()),
    routers: list(tables.routers.all()),
    routerInterfaces: list(interfaces, ({ deviceId }) => deviceId),
    securityGroups: list(tables.securityGroups.all()),
    securityGroupRules: list(tables.securityGroupRules.all()),
    keypairs: tables.keypairs.all().map(({ id, name, userId }) => ({
      id,
      name,
      project: tables.users.get(userId)?.name ?? userId,
      status: '',
    })),
    volumes: list(tables.volumes.all(), ({ status }) => status),
    snapshots: list(tables.snapshots.all(), ({ status }) => status),
    attachments: list(tables.attachments.all(), ({ status }) => status),
  };
}
