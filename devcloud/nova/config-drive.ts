import { randomBytes } from 'node:crypto';
import type { Cloud } from '../cloud.js';
import { portsOf } from './server-ports.js';
import type { Server } from './rows.js';

/** What Nova writes to a server's config drive: path to content. */
export function configDriveOf(cloud: Cloud, server: Server): Record<string, string> {
  const meta = JSON.stringify(metaData(server));
  const network = JSON.stringify(networkData(cloud, server));
  const userData = server.userData && Buffer.from(server.userData, 'base64').toString('utf8');
  return {
    'openstack/latest/meta_data.json': meta,
    'openstack/latest/network_data.json': network,
    'openstack/latest/vendor_data.json': '{}',
    ...(userData && { 'openstack/latest/user_data': userData }),
  };
}

const metaData = (server: Server) => ({
  uuid: server.id,
  name: server.name,
  hostname: server.hostname,
  launch_index: 0,
  project_id: server.projectId,
  availability_zone: server.availabilityZone,
  meta: server.metadata,
  ...(server.keyName &&
    server.publicKey && {
      public_keys: { [server.keyName]: server.publicKey },
      keys: [{ name: server.keyName, type: 'ssh', data: server.publicKey }],
    }),
  random_seed: randomBytes(64).toString('base64'),
  devices: [],
});

function networkData(cloud: Cloud, server: Server) {
  const { tables } = cloud;
  const ports = portsOf(cloud, server);
  return {
    links: ports.map(({ id, macAddress, networkId }) => ({
      id: `tap${id.slice(0, 11)}`,
      vif_id: id,
      type: 'bridge',
      mtu: tables.networks.get(networkId)?.mtu ?? 1450,
      ethernet_mac_address: macAddress,
    })),
    networks: ports.flatMap(({ id, networkId, fixedIps }, index) =>
      fixedIps.map(({ subnetId, ipAddress }) => {
        const subnet = tables.subnets.get(subnetId);
        return {
          id: `network${index}`,
          type: `ipv${subnet?.ipVersion ?? 4}${subnet?.enableDhcp ? '_dhcp' : ''}`,
          link: `tap${id.slice(0, 11)}`,
          network_id: networkId,
          ip_address: ipAddress,
        };
      }),
    ),
    services: [],
  };
}
