/** What every resource of Neutron has. */
export interface Resource {
  id: string;
  projectId: string;
  name: string;
  description: string;
  tags: string[];
  revision: number;
  createdAt: string;
  updatedAt: string;
}

export interface Network extends Resource {
  adminStateUp: boolean;
  mtu: number;
  shared: boolean;
  external: boolean;
  portSecurityEnabled: boolean;
  isDefault: boolean;
  segmentationId: number;
}

export interface AddressRange {
  start: string;
  end: string;
}

export interface Subnet extends Resource {
  networkId: string;
  ipVersion: 4 | 6;
  cidr: string;
  gatewayIp: string | null;
  enableDhcp: boolean;
  allocationPools: AddressRange[];
  dnsNameservers: string[];
  hostRoutes: { destination: string; nexthop: string }[];
  ipv6AddressMode: string | null;
  ipv6RaMode: string | null;
  serviceTypes: string[];
}

export interface FixedIp {
  subnetId: string;
  ipAddress: string;
}

export interface Port extends Resource {
  networkId: string;
  macAddress: string;
  fixedIps: FixedIp[];
  deviceId: string;
  deviceOwner: string;
  adminStateUp: boolean;
  status: 'ACTIVE' | 'DOWN' | 'BUILD' | 'ERROR';
  securityGroupIds: string[];
  portSecurityEnabled: boolean;
  allowedAddressPairs: { ip_address: string; mac_address: string }[];
  extraDhcpOpts: { opt_name: string; opt_value: string | null; ip_version?: number }[];
  bindingHostId: string;
  bindingVnicType: string;
  bindingProfile: Record<string, unknown>;
  dnsName: string;
}

export interface Router extends Resource {
  adminStateUp: boolean;
  externalGateway: ExternalGateway | null;
  routes: { destination: string; nexthop: string }[];
}

export interface ExternalGateway {
  networkId: string;
  enableSnat: boolean;
  portId: string;
}

export interface SecurityGroup extends Resource {
  stateful: boolean;
}

export interface SecurityGroupRule extends Resource {
  securityGroupId: string;
  direction: 'ingress' | 'egress';
  etherType: 'IPv4' | 'IPv6';
  protocol: string | null;
  portRangeMin: number | null;
  portRangeMax: number | null;
  remoteIpPrefix: string | null;
  remoteGroupId: string | null;
}
