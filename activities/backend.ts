import { Context } from '@temporalio/activity';
import type { HostInterface } from '../host-interface/index.js';
import type { Cloud } from '../openstack/index.js';
import type { SshPool } from '../ssh/pool.js';
import type { Protocol } from '../workflows/model.js';
import { permanent } from './failures.js';

/** The one server for all shares of a backend that handles no share servers: Manila's names, and its host key. */
export interface CommonServerOptions {
  driver_handles_share_servers: boolean;
  /** Nova's id, or a name that one server has. */
  service_instance_name_or_id?: string | undefined;
  /** Where it answers SSH: the name of one of its networks, or an address. */
  service_net_name_or_ip?: string | undefined;
  /** Where clients mount from: the name of one of its networks, or an address. */
  tenant_net_name_or_ip?: string | undefined;
  /** `ssh-ed25519 AAAA…`; a server that Hawser booted carries its own. */
  service_instance_host_key?: string | undefined;
}

/** The options of a backend that steps read, by Manila's names. Times are in seconds. */
export interface BackendOptions extends CommonServerOptions {
  service_image_name: string;
  service_instance_flavor_id: string;
  service_instance_name_template: string;
  service_instance_user: string;
  service_instance_security_group: string;
  manila_service_keypair_name: string;
  service_network_name: string;
  service_network_cidr: string;
  service_network_division_mask: number;
  limit_ssh_access: boolean;
  share_mount_path: string;
  share_volume_fstype: 'ext4' | 'ext3';
  set_zero_reserved_blocks: boolean;
  /** Octal. */
  share_root_mode: string;
  nfs_root_squash: boolean;
  /** A protocol without a helper is not served. */
  share_helpers: Partial<Record<Protocol, ShareHelper>>;
  volume_name_template: string;
  volume_snapshot_name_template: string;
  cinder_volume_type: string | null;
  storage_availability_zone: string | null;
  max_time_to_build_instance: number;
  max_time_to_create_volume: number;
  max_time_to_extend_volume: number;
  max_time_to_attach: number;
  max_time_to_freeze: number;
  max_shares_per_share_server: number;
  /** GiB; -1 is no limit. */
  max_share_server_size: number;
  unused_share_server_cleanup_interval: number;
  automatic_share_server_cleanup: boolean;
  share_backend_name: string | null;
  reserved_share_percentage: number;
  reserved_share_from_snapshot_percentage: number;
  reserved_share_extend_percentage: number;
  max_over_subscription_ratio: number;
  sweep_grace_period: number;
  delete_share_server_with_last_share: boolean;
  connect_share_server_to_tenant_network: boolean;
  admin_network_id: string | null;
  admin_subnet_id: string | null;
  /** Prefixes beside the service network's, with `limit_ssh_access`. */
  ssh_allowed_from: string[];
  service_instance_boot_from_volume: boolean;
  /** GiB */
  service_instance_boot_volume_size: number;
  service_instance_boot_volume_type: string | null;
  service_instance_base_boot_volume_id: string | null;
  service_instance_boot_volume_delete_on_termination: boolean;
  service_instance_boot_volume_name_template: string;
  backend_availability_zone: string | null;
}

/** Manila's classes, by their last names. */
export type ShareHelper = 'NFSHelper' | 'CIFSHelperIPAccess' | 'CIFSHelperUserAccess';

export interface Backend {
  name: string;
  options: BackendOptions;
  cloud: Cloud;
  /** How this host gets to the service instances; `ssh` asks it before it connects. */
  hostInterface: HostInterface;
  ssh: SshPool;
  /** The public half of the key that service instances let in; null where a password opens them. */
  publicKey: string | null;
}

/** Finds a backend by its name in hawser.yaml. */
export interface Backends {
  (name: string): Backend;
  /** Of all that are in it. */
  names: string[];
}

export function backendsOf(list: Backend[]): Backends {
  const byName = new Map(list.map((backend) => [backend.name, backend]));
  const names = [...byName.keys()];
  const find = (name: string): Backend => {
    const backend = byName.get(name);
    if (backend) return forThisStep(backend);
    throw permanent(
      'BackendUnknown',
      `No backend is named ${name} here; there are: ${names.join(', ')}`,
    );
  };
  return Object.assign(find, { names });
}

/** Requests end when the step is cancelled or its worker stops. */
function forThisStep(backend: Backend): Backend {
  const { cloud } = backend;
  const signal = Context.current().cancellationSignal;
  return { ...backend, cloud: { ...cloud, ...cloud.withSignal(signal) } };
}

/** `manila-share-%s` with the id in its place. */
export const fillTemplate = (template: string, id: string): string => template.replace('%s', id);
