import type { Cloud } from './cloud.js';
import type { Strike } from './faults.js';
import type { RequestLog } from './request-log.js';

const service = 'ssh';
const operation = 'ssh.command';

/** Lets planned faults of `ssh.command` strike what runs on hosts, where it can be watched, and takes note of it. */
export function watchCommands(cloud: Cloud, requests: RequestLog): void {
  cloud.hosts.watchCommands?.((serverId) => {
    const project = () => cloud.tables.servers.get(serverId)?.projectId ?? '';
    const note = (owner: string, path: string, { status, at }: { status: number; at: number }) => {
      const ms = Date.now() - at;
      const what = { service, operation, project: owner, method: 'RUN', path };
      requests.add({ ...what, status, at, ms });
    };
    return {
      named: (name) => {
        const owner = project();
        const at = Date.now();
        const fault = cloud.faults.forRequest({ service, operation, project: owner, path: name });
        return {
          fault,
          begins: () => prepare(cloud, serverId, fault),
          ended: (status) => note(owner, name, { status, at }),
        };
      },
      unnamed: ({ programs, ...end }) => note(project(), programs, end),
    };
  });
}

/** From the next connection on the host is another one. */
async function prepare(cloud: Cloud, serverId: string, fault: Strike | undefined): Promise<void> {
  if (fault?.hostKeyChanged) await cloud.hosts.setFaults?.(serverId, ['host-key-changed']);
}
