import { createHash } from 'node:crypto';
import type { Caller } from '../api/caller.js';
import type { Cloud } from '../cloud.js';
import type { Flavor, Server } from './rows.js';

const computeUrl = (cloud: Cloud) => `${cloud.url}/compute`;

const links = (cloud: Cloud, id: string) => [
  { rel: 'self', href: `${computeUrl(cloud)}/v2.1/servers/${id}` },
  { rel: 'bookmark', href: `${computeUrl(cloud)}/servers/${id}` },
];

const seconds = (iso: string): string => iso.replace(/\.\d+Z$/, 'Z');

const taskStatus: Record<string, string> = {
  rebooting: 'REBOOT',
  rebooting_hard: 'HARD_REBOOT',
};

const vmStatus: Record<Server['vmState'], string> = {
  building: 'BUILD',
  active: 'ACTIVE',
  stopped: 'SHUTOFF',
  error: 'ERROR',
  'soft-delete': 'SOFT_DELETED',
};

export const statusOf = ({ vmState, taskState }: Server): string =>
  (vmState === 'active' && taskState && taskStatus[taskState]) || vmStatus[vmState];

export const serverSummary = (cloud: Cloud, row: Server) => ({
  id: row.id,
  name: row.name,
  links: links(cloud, row.id),
});

export const createdView = (cloud: Cloud, row: Server, adminPass: string) => ({
  id: row.id,
  links: links(cloud, row.id),
  'OS-DCF:diskConfig': 'MANUAL',
  security_groups: row.securityGroups.map((name) => ({ name })),
  adminPass,
});

/** A server as microversion 2.`minor` shows it to this caller. */
export function serverView(cloud: Cloud, row: Server, caller: Caller, minor: number) {
  const status = statusOf(row);
  const groups = groupsOf(cloud, row);
  return {
    ...serverSummary(cloud, row),
    status,
    tenant_id: row.projectId,
    user_id: row.userId,
    metadata: row.metadata,
    hostId: row.vmState === 'building' ? '' : hostId(row),
    image: row.imageId
      ? {
          id: row.imageId,
          links: [{ rel: 'bookmark', href: `${computeUrl(cloud)}/images/${row.imageId}` }],
        }
      : '',
    flavor: flavorView(cloud, row.flavor, minor),
    created: seconds(row.createdAt),
    updated: seconds(row.updatedAt),
    addresses: row.vmState === 'building' ? {} : addressesOf(cloud, row),
    accessIPv4: '',
    accessIPv6: '',
    'OS-DCF:diskConfig': 'MANUAL',
    ...(['ACTIVE', 'BUILD'].includes(status) && { progress: row.progress }),
    ...(status === 'ERROR' && row.fault && { fault: faultView(row, caller) }),
    'OS-EXT-AZ:availability_zone': row.availabilityZone,
    config_drive: row.configDrive ? 'True' : '',
    key_name: row.keyName,
    'OS-SRV-USG:launched_at': row.launchedAt && row.launchedAt.replace('Z', '000'),
    'OS-SRV-USG:terminated_at': null,
    ...(groups.length > 0 && { security_groups: groups }),
    'OS-EXT-STS:task_state': row.taskState,
    'OS-EXT-STS:vm_state': row.vmState,
    'OS-EXT-STS:power_state': row.powerState,
    'os-extended-volumes:volumes_attached': cloud.tables.volumeMappings
      .where(({ serverId }) => serverId === row.id)
      .map(({ volumeId, deleteOnTermination }) => ({
        id: volumeId,
        ...(minor >= 3 && { delete_on_termination: deleteOnTermination }),
      })),
    ...(caller.isAdmin && adminFields(row, minor)),
    ...(minor >= 9 && { locked: row.locked }),
    ...(minor >= 16 && caller.isAdmin && { host_status: 'UP' }),
    ...(minor >= 19 && { description: row.description }),
    ...(minor >= 26 && { tags: row.tags }),
    ...(minor >= 63 && { trusted_image_certificates: null }),
    ...(minor >= 71 && { server_groups: [] }),
    ...(minor >= 73 && { locked_reason: null }),
    ...(minor >= 90 && { 'OS-EXT-SRV-ATTR:hostname': row.hostname }),
  };
}

const hostId = ({ projectId }: Server): string =>
  createHash('sha224').update(`${projectId}devcloud`).digest('hex');

const adminFields = (row: Server, minor: number) => ({
  'OS-EXT-SRV-ATTR:host': row.vmState === 'building' ? null : 'devcloud',
  'OS-EXT-SRV-ATTR:instance_name': `instance-${row.id.slice(0, 8)}`,
  'OS-EXT-SRV-ATTR:hypervisor_hostname': row.vmState === 'building' ? null : 'devcloud',
  ...(minor >= 3 && {
    'OS-EXT-SRV-ATTR:hostname': row.hostname,
    'OS-EXT-SRV-ATTR:kernel_id': '',
    'OS-EXT-SRV-ATTR:launch_index': 0,
    'OS-EXT-SRV-ATTR:ramdisk_id': '',
    'OS-EXT-SRV-ATTR:reservation_id': row.reservationId,
    'OS-EXT-SRV-ATTR:root_device_name': '/dev/vda',
    'OS-EXT-SRV-ATTR:user_data': row.userData,
  }),
});

/** Since 2.47 the flavor is shown as it was, even if it is gone since. */
const flavorView = (cloud: Cloud, flavor: Flavor, minor: number) =>
  minor >= 47
    ? {
        vcpus: flavor.vcpus,
        ram: flavor.ramMib,
        disk: flavor.diskGib,
        ephemeral: 0,
        swap: 0,
        original_name: flavor.name,
        extra_specs: flavor.extraSpecs,
      }
    : {
        id: flavor.id,
        links: [{ rel: 'bookmark', href: `${computeUrl(cloud)}/flavors/${flavor.id}` }],
      };

function faultView({ fault }: Server, caller: Caller) {
  if (!fault) return undefined;
  const { details, ...shown } = fault;
  return { ...shown, created: seconds(fault.created), ...(caller.isAdmin && { details }) };
}

export function addressesOf({ tables }: Cloud, { id }: Server) {
  const addresses: Record<string, object[]> = {};
  for (const port of tables.ports.where(({ deviceId }) => deviceId === id)) {
    const network = tables.networks.get(port.networkId)?.name ?? port.networkId;
    const list = (addresses[network] ??= []);
    for (const { ipAddress } of port.fixedIps) {
      list.push({
        version: ipAddress.includes(':') ? 6 : 4,
        addr: ipAddress,
        'OS-EXT-IPS:type': 'fixed',
        'OS-EXT-IPS-MAC:mac_addr': port.macAddress,
      });
    }
  }
  return addresses;
}

function groupsOf({ tables }: Cloud, { id }: Server): { name: string }[] {
  const ports = tables.ports.where(({ deviceId }) => deviceId === id);
  const ids = new Set(ports.flatMap(({ securityGroupIds }) => securityGroupIds));
  return [...ids].map((groupId) => ({ name: tables.securityGroups.get(groupId)?.name ?? groupId }));
}
