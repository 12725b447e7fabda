/** What `backendStatistics` says: plain JSON, for clients too. */

/** By the names under which Manila's scheduler knows them; sizes in GiB. */
export interface Capabilities {
  share_backend_name: string;
  driver_handles_share_servers: boolean;
  vendor_name: string;
  driver_version: string;
  storage_protocol: string;
  /** Of the volumes' quota; `infinite` without one. */
  total_capacity_gb: number | 'infinite' | 'unknown';
  free_capacity_gb: number | 'infinite' | 'unknown';
  /** Of all shares, as they were asked for. */
  provisioned_capacity_gb: number;
  /** Of their volumes, which a shrink leaves larger. */
  allocated_capacity_gb: number;
  reserved_percentage: number;
  reserved_snapshot_percentage: number;
  reserved_share_extend_percentage: number;
  max_over_subscription_ratio: number;
  max_shares_per_share_server: number;
  max_share_server_size: number;
  /** Ports that a share network would have to give a share server. */
  network_allocations: number;
  snapshot_support: boolean;
  create_share_from_snapshot_support: boolean;
  revert_to_snapshot_support: boolean;
  mount_snapshot_support: boolean;
  qos: boolean;
  ipv4_support: boolean;
  ipv6_support: boolean;
}

/** What of its capabilities a backend knows without looking anywhere. */
export type OwnCapabilities = Omit<
  Capabilities,
  'total_capacity_gb' | 'free_capacity_gb' | 'provisioned_capacity_gb' | 'allocated_capacity_gb'
>;

/** The project's quota of volumes in Cinder; null is no limit. */
export interface VolumeQuota {
  maxVolumes: number | null;
  volumesUsed: number;
  maxGib: number | null;
  gibUsed: number;
}

/** Bytes of a mounted share's file system, as clients see them. */
export interface FileSystemUsage {
  shareId: string;
  totalBytes: number;
  usedBytes: number;
  availableBytes: number;
}

export interface InventoryShare {
  id: string;
  status: string;
  sizeGib: number;
  volumeSizeGib: number | null;
  serviceInstance: string | null;
}

export interface InventoryInstance {
  id: string;
  status: string;
  /** How many shares are on it. */
  shares: number;
  maxShares: number;
}

export interface Inventory {
  shares: InventoryShare[];
  instances: InventoryInstance[];
}

export interface ShareStatistics extends InventoryShare {
  /** Null when it is not mounted, or its service instance does not answer. */
  usage: Omit<FileSystemUsage, 'shareId'> | null;
}

export interface InstanceStatistics extends InventoryInstance {
  /** Places for further shares; none while it is not active. */
  placesFree: number;
  /** Why its shares' use is not known. */
  problem: string | null;
}

export interface BackendStatistics {
  backend: string;
  /** ISO 8601, UTC. */
  takenAt: string;
  capabilities: Capabilities;
  /** Null when Cinder does not answer. */
  volumeQuota: VolumeQuota | null;
  /** Of all shares whose use is known. */
  usedBytes: number;
  placesFree: number;
  instances: InstanceStatistics[];
  shares: ShareStatistics[];
  /** What could not be found out. */
  problems: string[];
}
