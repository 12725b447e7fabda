import { badRequest, conflict, notFound } from '../api/errors.js';
import type { Server } from './rows.js';

export const serverNotFound = (id: string) => notFound(`Instance ${id} could not be found.`);

export const flavorNotFound = (id: string) => notFound(`Flavor ${id} could not be found.`);

export const invalidVolume = (reason: string) => badRequest(`Invalid volume: ${reason}`);

export const notAttached = (serverId: string, volumeId: string) =>
  notFound(`Instance ${serverId} is not attached to volume ${volumeId}`);

/** Refuses what a server in its present state cannot do, whether or not it is busy. */
export function mustBeIn(server: Server, vmStates: Server['vmState'][], action: string): void {
  if (!vmStates.includes(server.vmState))
    throw wrongState(server, action, `vm_state ${server.vmState}`);
}

/** The same, and refuses whatever else a busy server is asked. */
export function mustBe(server: Server, vmStates: Server['vmState'][], action: string): void {
  mustBeIn(server, vmStates, action);
  if (server.taskState) throw wrongState(server, action, `task_state ${server.taskState}`);
}

const wrongState = ({ id }: Server, action: string, state: string) =>
  conflict(`Cannot '${action}' instance ${id} while it is in ${state}`);
