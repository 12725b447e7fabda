import type { Cloud } from '../cloud.js';
import { freeAddress } from './addresses.js';
import { newMac, takenAddresses } from './allocation.js';
import { changed, newResource } from './resource.js';
import type { FixedIp, Port } from './rows.js';

const isDhcpPort = (networkId: string) => (port: Port) =>
  port.networkId === networkId && port.deviceOwner === 'network:dhcp';

/** A network's DHCP server has a port of its own, with an address of each subnet that it serves. */
export function ensureDhcpPort(cloud: Cloud, networkId: string): void {
  const { ports, subnets, networks } = cloud.tables;
  const port = ports.find(isDhcpPort(networkId));
  const served = subnets.where((row) => row.networkId === networkId && row.enableDhcp);
  const missing = served.filter(
    ({ id }) => !port?.fixedIps.some(({ subnetId }) => subnetId === id),
  );
  const fixedIps = missing.flatMap((subnet): FixedIp[] => {
    const taken = takenAddresses(cloud, subnet.id);
    const ipAddress = freeAddress(subnet.allocationPools, taken, subnet.ipVersion);
    return ipAddress ? [{ subnetId: subnet.id, ipAddress }] : [];
  });
  const kept = port?.fixedIps.filter(({ subnetId }) => served.some(({ id }) => id === subnetId));
  if (port) {
    const next = [...(kept ?? []), ...fixedIps];
    if (next.length === 0) ports.delete(port.id);
    else ports.put(changed(port, { fixedIps: next }));
  } else if (fixedIps.length > 0) {
    const projectId = networks.get(networkId)?.projectId ?? '';
    ports.put(dhcpPort(cloud, { projectId, networkId, fixedIps }));
  }
}

export function removeDhcpPort(cloud: Cloud, networkId: string, subnetId: string): void {
  const port = cloud.tables.ports.find(isDhcpPort(networkId));
  if (!port) return;
  const fixedIps = port.fixedIps.filter((fixedIp) => fixedIp.subnetId !== subnetId);
  if (fixedIps.length === 0) cloud.tables.ports.delete(port.id);
  else cloud.tables.ports.put(changed(port, { fixedIps }));
}

const dhcpPort = (
  cloud: Cloud,
  { projectId, networkId, fixedIps }: { projectId: string; networkId: string; fixedIps: FixedIp[] },
): Port => ({
  ...newResource({ projectId, isAdmin: true }, {}),
  networkId,
  macAddress: newMac(cloud),
  fixedIps,
  deviceId: `dhcp-${networkId}`,
  deviceOwner: 'network:dhcp',
  adminStateUp: true,
  status: 'ACTIVE',
  securityGroupIds: [],
  portSecurityEnabled: false,
  allowedAddressPairs: [],
  extraDhcpOpts: [],
  bindingHostId: 'devcloud',
  bindingVnicType: 'normal',
  bindingProfile: {},
  dnsName: '',
});
