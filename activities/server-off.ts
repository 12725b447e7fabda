import type { InstanceHost } from '../workflows/model.js';
import type { Backends } from './backend.js';

/** Nova's words for a server whose guest does nothing; in ERROR it may, but nobody can rely on it. */
const off = new Set(['SHUTOFF', 'PAUSED', 'SUSPENDED', 'SHELVED', 'SHELVED_OFFLOADED', 'ERROR']);

/**
 * Whether a service instance is gone or off. What is to be taken away there is not in force then: steps that do
 * so have nothing left to do. Asked at each attempt, for a server may go at any moment.
 */
export async function isOff(backends: Backends, { backend, serverId }: InstanceHost) {
  const server = await backends(backend).cloud.compute.findServer(serverId);
  return !server || server.status.endsWith('DELETED') || off.has(server.status);
}
