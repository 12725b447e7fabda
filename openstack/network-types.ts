import { z } from 'zod';
import { camelKeys } from './case.js';
import * as field from './fields.js';

/** Neutron leaves out what an extension would add, or sends null: both mean nothing. */
const text = z
  .string()
  .nullish()
  .transform((value) => value ?? '');
const optional = <T>(schema: z.ZodType<T>) => schema.nullish().transform((value) => value ?? null);
const list = <T>(schema: z.ZodType<T>) =>
  z
    .array(schema)
    .nullish()
    .transform((value) => value ?? []);

const common = {
  id: field.id,
  name: text,
  description: text,
  project_id: z.string(),
  tags: list(z.string()),
  /** ISO 8601; empty if the cloud does not tell. */
  created_at: z
    .union([field.time, z.literal('')])
    .nullish()
    .transform((value) => value ?? ''),
};

const fixedIpSchema = z
  .object({ subnet_id: field.id, ip_address: field.address })
  .transform(camelKeys);

export const networkFields = z.object({
  ...common,
  status: z.string(),
  shared: z.boolean().default(false),
  mtu: optional(field.whole.nonnegative()),
  subnets: list(field.id),
  'router:external': z.boolean().default(false),
});

export const subnetFields = z.object({
  ...common,
  network_id: field.id,
  cidr: field.prefix,
  ip_version: z.union([z.literal(4), z.literal(6)]),
  gateway_ip: optional(z.string()),
  enable_dhcp: z.boolean(),
});

export const portFields = z.object({
  ...common,
  network_id: field.id,
  mac_address: field.mac,
  /** The server or router it belongs to, empty when free. */
  device_id: text,
  /** `compute:nova`, `network:router_interface`, `network:dhcp`… */
  device_owner: text,
  fixed_ips: list(fixedIpSchema),
  security_groups: list(field.id),
  status: z.string(),
  admin_state_up: z.boolean(),
  revision_number: optional(field.whole),
  'binding:host_id': text,
  'binding:vif_type': text,
});

export const routerFields = z.object({
  ...common,
  status: z.string(),
  admin_state_up: z.boolean(),
  external_gateway_info: optional(z.object({ network_id: field.id }).transform(camelKeys)),
});

export const securityGroupFields = z.object(common);

export const securityGroupRuleFields = z.object({
  id: field.id,
  description: text,
  project_id: z.string(),
  security_group_id: field.id,
  direction: z.string(),
  ethertype: z.string(),
  /** Null for any. */
  protocol: optional(z.string()),
  port_range_min: optional(field.whole),
  port_range_max: optional(field.whole),
  remote_ip_prefix: optional(z.string()),
  remote_group_id: optional(field.id),
});

export const networkSchema = networkFields.transform(
  ({ 'router:external': external, ...rest }) => ({
    ...camelKeys(rest),
    external,
  }),
);
export const subnetSchema = subnetFields.transform(camelKeys);
export const portSchema = portFields.transform(
  ({ security_groups, 'binding:host_id': hostId, 'binding:vif_type': vifType, ...rest }) => ({
    ...camelKeys(rest),
    securityGroupIds: security_groups,
    /** Where it is bound, and how; empty for anybody but administrators. */
    hostId,
    vifType,
  }),
);
export const routerSchema = routerFields.transform(camelKeys);
export const securityGroupSchema = securityGroupFields.transform(camelKeys);
export const securityGroupRuleSchema = securityGroupRuleFields.transform(camelKeys);

export type Network = z.infer<typeof networkSchema>;
export type Subnet = z.infer<typeof subnetSchema>;
export type Port = z.infer<typeof portSchema>;
export type Router = z.infer<typeof routerSchema>;
export type SecurityGroup = z.infer<typeof securityGroupSchema>;
export type SecurityGroupRule = z.infer<typeof securityGroupRuleSchema>;

interface Named {
  name?: string | undefined;
  description?: string | undefined;
}

export interface NewNetwork extends Named {
  mtu?: number | undefined;
}

export interface NewSubnet extends Named {
  networkId: string;
  cidr: string;
  ipVersion: 4 | 6;
  /** Null for none; left out, Neutron takes the first address. */
  gatewayIp?: string | null | undefined;
  enableDhcp?: boolean | undefined;
  dnsNameservers?: string[] | undefined;
  hostRoutes?: { destination: string; nexthop: string }[] | undefined;
}

export interface NewPort extends Named {
  networkId: string;
  /** Left out, it is the caller's own; for administrators. */
  projectId?: string | undefined;
  /** Left out, Neutron chooses a subnet and an address. */
  fixedIps?: { subnetId: string; ipAddress?: string | undefined }[] | undefined;
  securityGroupIds?: string[] | undefined;
  deviceId?: string | undefined;
  deviceOwner?: string | undefined;
  macAddress?: string | undefined;
  /** The host to bind it to, as its L2 agent calls itself; for administrators. */
  hostId?: string | undefined;
  adminStateUp?: boolean | undefined;
}

export interface NewRouter extends Named {
  externalNetworkId?: string | undefined;
}

export interface NewSecurityGroupRule {
  securityGroupId: string;
  direction: 'ingress' | 'egress';
  ethertype: 'IPv4' | 'IPv6';
  protocol?: string | null | undefined;
  portRangeMin?: number | null | undefined;
  portRangeMax?: number | null | undefined;
  remoteIpPrefix?: string | null | undefined;
  remoteGroupId?: string | null | undefined;
  description?: string | undefined;
}
