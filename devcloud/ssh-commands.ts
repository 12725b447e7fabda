import type { Cloud } from './cloud.js';
import type { Strike } from './faults.js';
import type { RequestLog } from './request-log.js';

/** Lets planned faults of `ssh.command` strike what runs on hosts, where it can be watched, and takes note of it. */
export function watchCommands(cloud: Cloud, requests: RequestLog): void {
  cloud.hosts.watchCommands?.((serverId, name) => {
    const project = cloud.tables.servers.get(serverId)?.projectId ?? '';
    const service = 'ssh';
    const operation = 'ssh.command';
    const at = Date.now();
    const fault = cloud.faults.forRequest({ service, operation, project, path: name });
    return {
      fault,
      begins: () => prepare(cloud, serverId, fault),
      ended: (status) => {
        const ms = Date.now() - at;
        requests.add({ service, operation, project, method: 'RUN', path: name, status, at, ms });
      },
    };
  });
}

/** From the next connection on the host is another one. */
async function prepare(cloud: Cloud, serverId: string, fault: Strike | undefined): Promise<void> {
  if (fault?.hostKeyChanged) await cloud.hosts.setFaults?.(serverId, ['host-key-changed']);
}
