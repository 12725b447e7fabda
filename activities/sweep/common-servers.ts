import type { Client } from '@temporalio/client';
import {
  commonInstanceId,
  registeredPrefix,
  serviceInstanceWorkflowId,
  type ServiceInstanceView,
} from '../../workflows/model.js';
import type { Backends } from '../backend.js';
import { lifeOf } from './life.js';

/**
 * The ids of the servers that backends were given for all their shares: by their configurations here, and by their
 * workflows, of which each is asked by its id, for lists lag behind. Of whatever backend has a worker.
 */
export async function commonServers(backends: Backends, temporal: Client): Promise<Set<string>> {
  const { namespace } = temporal.options;
  const { namespaceInfo } = await temporal.workflowService.describeNamespace({ namespace });
  const registered = Object.keys(namespaceInfo?.data ?? {})
    .filter((key) => key.startsWith(registeredPrefix))
    .map((key) => key.slice(registeredPrefix.length));
  const servers = new Set<string>();
  for (const name of new Set([...backends.names, ...registered])) {
    const life = await lifeOf(temporal, serviceInstanceWorkflowId(commonInstanceId(name)));
    const serverId = (life.view as ServiceInstanceView | undefined)?.serverId;
    if (life.running && serverId) servers.add(serverId);
  }
  for (const name of backends.names) {
    const { cloud, options } = backends(name);
    const wanted = options.service_instance_name_or_id;
    if (wanted === undefined) continue;
    servers.add(wanted);
    for (const { id } of await cloud.compute.listServers({ name: wanted })) servers.add(id);
  }
  return servers;
}
