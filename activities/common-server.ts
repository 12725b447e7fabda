import { isIP } from 'node:net';
import { isDeleted, type Server } from '../openstack/compute.js';
import type { Backend, Backends } from './backend.js';
import { hostKeyTag } from './compute.js';
import { permanent } from './failures.js';

export type CommonServerActivities = ReturnType<typeof createCommonServerActivities>;

interface InBackend {
  backend: string;
}

/** Nova: the one server for all shares of a backend, which Hawser neither makes nor deletes. */
export function createCommonServerActivities(backends: Backends) {
  return {
    /** The server that the configuration names, by its id or by a name that no other has. Changes nothing. */
    async findCommonServer({ backend: name }: InBackend): Promise<{ serverId: string }> {
      const { cloud, options } = backends(name);
      const wanted = options.service_instance_name_or_id ?? '';
      const byId = await cloud.compute.findServer(wanted);
      if (byId && !isDeleted(byId)) return { serverId: byId.id };
      const [server, ...others] = await cloud.compute.listServers({ name: wanted });
      if (!server) {
        throw permanent(
          'ServerNotFound',
          `No server of backend ${name} has the id or name ${wanted}: boot it, or set service_instance_name_or_id`,
        );
      }
      if (others.length > 0) {
        const ids = [server, ...others].map(({ id }) => id).join(', ');
        throw permanent(
          'AmbiguousName',
          `${others.length + 1} servers are named ${wanted}: ${ids}. Set service_instance_name_or_id to the id of one`,
        );
      }
      return { serverId: server.id };
    },

    /** Where the server answers SSH, where clients mount from, and the key it must prove. Changes nothing. */
    async locateCommonServer({
      backend: name,
      serverId,
    }: InBackend & { serverId: string }): Promise<{
      address: string;
      exportAddress: string;
      hostKey: string;
    }> {
      const backend = backends(name);
      const server = await backend.cloud.compute.getServer(serverId);
      const hostKey = backend.options.service_instance_host_key ?? server.metadata[hostKeyTag];
      if (!hostKey) {
        throw permanent(
          'HostKeyUnknown',
          `The host key of server ${serverId} is not known, and it is not trusted unseen: set service_instance_host_key to the line of its /etc/ssh/ssh_host_ed25519_key.pub`,
        );
      }
      return {
        address: addressOf(server, backend, 'service_net_name_or_ip'),
        exportAddress: addressOf(server, backend, 'tenant_net_name_or_ip'),
        hostKey: hostKey.trim().split(/\s+/, 2).join(' '),
      };
    },
  };
}

/** An address as it is, a network's name as the server's first address there. */
function addressOf(
  server: Server,
  { options }: Backend,
  option: 'service_net_name_or_ip' | 'tenant_net_name_or_ip',
): string {
  const wanted = options[option] ?? '';
  if (isIP(wanted)) return wanted;
  const found = server.addresses.find(({ network }) => network === wanted);
  if (found) return found.address;
  const networks = [...new Set(server.addresses.map(({ network }) => network))].join(', ');
  throw permanent(
    'ServerFailed',
    `Server ${server.id} has no address on network ${wanted} (it is on: ${networks || 'none'}); set ${option} to one of these, or to an address`,
  );
}
