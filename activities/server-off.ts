import { isDeleted, type Server } from '../openstack/compute.js';
import type { InstanceHost } from '../workflows/model.js';
import type { Volume } from '../openstack/block-storage.js';
import type { Backend, Backends } from './backend.js';

/** Nova's words for a server whose guest does nothing; in ERROR it may, but nobody can rely on it. */
const off = new Set(['SHUTOFF', 'PAUSED', 'SUSPENDED', 'SHELVED', 'SHELVED_OFFLOADED', 'ERROR']);

/** What Nova says of an instance's server. Asked at each attempt, for a server may go at any moment. */
export async function powerOf(
  backends: Backends,
  { backend, serverId }: InstanceHost,
): Promise<'on' | 'off' | 'gone'> {
  const server = await backends(backend).cloud.compute.findServer(serverId);
  if (!server || isDeleted(server)) return 'gone';
  return off.has(server.status) ? 'off' : 'on';
}

/**
 * Whether a service instance is gone or off. What is to be taken away there is not in force then: steps that do
 * so have nothing left to do, unless it comes back with the server and would be missed.
 */
export const isOff = async (backends: Backends, host: InstanceHost): Promise<boolean> =>
  (await powerOf(backends, host)) !== 'on';

/** The servers of a volume that Nova keeps for a while after their deletion: they would keep it as long. */
export async function deletedServersOf(
  { cloud }: Pick<Backend, 'cloud'>,
  { attachments }: Volume,
): Promise<Server[]> {
  const ids = attachments.flatMap(({ serverId }) => serverId ?? []);
  const servers = await Promise.all(ids.map((id) => cloud.compute.findServer(id)));
  return servers.filter(
    (server): server is Server => server !== undefined && isDeleted(server) && !server.taskState,
  );
}
