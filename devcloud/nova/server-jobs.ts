import type { Cloud } from '../cloud.js';
import type { Fault } from '../faults.js';
import { release } from '../cinder/attaching.js';
import { deleteVolume } from '../cinder/volumes.js';
import { bindVolumes } from './block-devices.js';
import { hostHasRoom } from './host-room.js';
import type { Server, ServerFault, VmState } from './rows.js';
import { bindPorts, unbindPorts } from './server-ports.js';
import { powerOn, troubleHost } from './server-power.js';

const noValidHost = 'No valid host was found. There are not enough hosts available.';
const running = 1;
const shutDown = 4;

export const changeServer = (cloud: Cloud, id: string, changes: Partial<Server>) =>
  cloud.tables.servers.update(id, { ...changes, updatedAt: new Date().toISOString() });

/** A server's way from one state to the next, on the machines under the cloud. */
export function serverJobs(cloud: Cloud): void {
  const { jobs, tables, faults, hosts } = cloud;

  /** Runs a step for a server that is there and not being deleted. */
  const step = (
    kind: string,
    work: (server: Server, data: Record<string, string>) => Promise<void>,
  ) =>
    jobs.on(kind, async ({ target, data }) => {
      const server = tables.servers.get(target);
      if (!server || server.taskState === 'deleting') return;
      try {
        await work(server, data);
      } catch (error) {
        await fail(cloud, server, error);
      }
    });

  step('server.schedule', async ({ id, flavor }) => {
    fault(faults.forTransition('server.create', id));
    if (!(await hostHasRoom(cloud.stateDir, flavor))) throw new Error(noValidHost);
    changeServer(cloud, id, { taskState: 'networking' });
    jobs.schedule('server.network', id, { transition: 'server.create', share: 0.3 });
  });

  step('server.network', async (server) => {
    bindPorts(cloud, server);
    changeServer(cloud, server.id, { taskState: 'block_device_mapping' });
    jobs.schedule('server.volumes', server.id, { delayMs: 0 });
  });

  step('server.volumes', async (server) => {
    if (!bindVolumes(cloud, server)) {
      jobs.schedule('server.volumes', server.id, { delayMs: 50 });
      return;
    }
    changeServer(cloud, server.id, { taskState: 'spawning' });
    jobs.schedule('server.spawn', server.id, { transition: 'server.create', share: 0.5 });
  });

  step('server.spawn', async ({ id }) => {
    const planned = faults.forTransition('server.boot', id);
    fault(planned);
    await powerOn(cloud, id);
    await troubleHost(cloud, id, planned);
    settle(cloud, id, { vmState: 'active', powerState: running, progress: 100 });
    tables.servers.update(id, { launchedAt: new Date().toISOString() });
  });

  step('server.start', async ({ id }) => {
    await powerOn(cloud, id);
    settle(cloud, id, { vmState: 'active', powerState: running });
  });

  step('server.stop', async ({ id }) => {
    await hosts.stopServer(id, 'soft');
    settle(cloud, id, { vmState: 'stopped', powerState: shutDown });
  });

  step('server.put_aside', async ({ id }) => {
    await hosts.stopServer(id, 'hard');
    settle(cloud, id, { vmState: 'soft-delete', powerState: shutDown });
  });

  step('server.reboot', async (server, data) => {
    if (await hosts.isRunning(server.id)) {
      await hosts.rebootServer(server.id, data.how === 'HARD' ? 'hard' : 'soft');
    } else {
      await powerOn(cloud, server.id);
    }
    settle(cloud, server.id, { vmState: 'active', powerState: running, fault: null });
  });

  jobs.on('server.delete', async ({ target }) => {
    const server = tables.servers.get(target);
    if (!server) return;
    try {
      await hosts.deleteServer(target);
    } catch (error) {
      changeServer(cloud, target, { vmState: 'error', taskState: null, fault: faultOf(error) });
      return;
    }
    forgetVolumes(cloud, server);
    unbindPorts(cloud, server);
    tables.servers.delete(target);
  });
}

/** The end of a transition, unless the server began to be deleted meanwhile. */
function settle(cloud: Cloud, id: string, changes: Partial<Server> & { vmState: VmState }): void {
  if (cloud.tables.servers.get(id)?.taskState === 'deleting') return;
  changeServer(cloud, id, { ...changes, taskState: null });
}

function fault(planned: Fault | undefined): void {
  if (planned?.outcome) {
    throw new Error(planned.message ?? noValidHost);
  }
}

/** ERROR with Nova's fault; a server that never came up gives its ports back. */
async function fail(cloud: Cloud, server: Server, error: unknown): Promise<void> {
  cloud.log.warn({ err: error, server: server.id }, 'The server went to ERROR');
  if (server.vmState === 'building') {
    await cloud.hosts.deleteServer(server.id).catch((reason: unknown) => {
      cloud.log.error({ err: reason, server: server.id }, 'The failed machine was not removed');
    });
    unbindPorts(cloud, server);
  }
  settle(cloud, server.id, {
    vmState: 'error',
    powerState: 0,
    fault: faultOf(error),
  });
}

const faultOf = (error: unknown): ServerFault => ({
  code: 500,
  message: error instanceof Error ? error.message : String(error),
  details: error instanceof Error ? (error.stack ?? '') : '',
  created: new Date().toISOString(),
});

function forgetVolumes(cloud: Cloud, { id }: Server): void {
  for (const mapping of cloud.tables.volumeMappings.where(({ serverId }) => serverId === id)) {
    release(cloud, mapping.volumeId, mapping.attachmentId);
    cloud.tables.volumeMappings.delete(mapping.id);
    if (mapping.deleteOnTermination) deleteAlong(cloud, mapping.volumeId);
  }
}

/** As in Nova, a volume that cannot be deleted does not keep its server alive. */
function deleteAlong(cloud: Cloud, volumeId: string): void {
  const volume = cloud.tables.volumes.get(volumeId);
  if (!volume) return;
  try {
    deleteVolume(cloud, volume, { cascade: false, force: false });
  } catch (error) {
    cloud.log.warn({ err: error, volume: volumeId }, 'The volume of a deleted server was kept');
  }
}
