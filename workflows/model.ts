/** The vocabulary that workflows, activities and clients share: plain JSON, no code of Temporal's. */

/** Bytes. */
export const GIB = 2 ** 30;

export type Protocol = 'NFS' | 'CIFS';

/** Manila's names for the life of a share. */
export type ShareStatus =
  | 'creating'
  | 'available'
  | 'error'
  | 'extending'
  | 'extending_error'
  | 'shrinking'
  | 'shrinking_error'
  | 'shrinking_possible_data_loss_error'
  | 'manage_starting'
  | 'manage_error'
  | 'unmanaging'
  | 'unmanage_error'
  | 'unmanaged'
  | 'deleting'
  | 'error_deleting'
  | 'deleted';

/** Clients can use it: a refused shrink leaves a share as it was. */
export const inService = (status: ShareStatus): boolean =>
  status === 'available' || status === 'shrinking_possible_data_loss_error';

export type AccessLevel = 'rw' | 'ro';

/** What an access rule names, by Manila's words: a client's address, or a user of Samba's. */
export type AccessType = 'ip' | 'user';

/** Manila's names for the life of an access rule. */
export type AccessRuleState = 'queued_to_apply' | 'applying' | 'active' | 'denying' | 'error';

export interface AccessRule {
  id: string;
  type: AccessType;
  /** An address or prefix in canonical form, `10.0.0.5`, `10.0.0.0/24`, `2001:db8::/32`; or `user`, `DOMAIN\\user`. */
  to: string;
  level: AccessLevel;
  state: AccessRuleState;
  /** It was denied, and may be in force all the same: its state is `error` until a later write leaves it out. */
  denialFailed?: boolean;
}

export interface ExportLocation {
  /** `ADDRESS:/path` for NFS, `\\ADDRESS\name` for CIFS. */
  path: string;
  /** For the operator's own network only, not for tenants. */
  adminOnly: boolean;
}

const transient: ShareStatus[] = [
  'creating',
  'extending',
  'shrinking',
  'manage_starting',
  'unmanaging',
  'deleting',
];

/** Something happens to the share that its status announces. */
export const isTransient = (status: ShareStatus): boolean => transient.includes(status);

/** A snapshot of a share that may be another's beginning. */
export interface SnapshotRef {
  shareId: string;
  snapshotId: string;
}

/** What a person asks for. Names are resolved to ids by the first step of `createShare`. */
export interface ShareRequest {
  id: string;
  name: string;
  protocol: Protocol;
  sizeGib: number;
  /** `NETWORK` or `NETWORK/SUBNET`, each a name or an id; null for a backend with one server for all. */
  shareNetwork: string | null;
  /** A key under `backends` in hawser.yaml. */
  backend: string;
  /** Cinder's; without it the backend's `storage_availability_zone` counts. */
  availabilityZone?: string;
  /** Whose data it begins with; without it the share is empty. */
  fromSnapshot?: SnapshotRef;
}

/** What a person asks to be taken over: a file system that is mounted and exported already. */
export interface ManageRequest {
  id: string;
  name: string;
  protocol: Protocol;
  /** A key under `backends` in hawser.yaml. */
  backend: string;
  /** `ADDRESS:/path` for NFS, `\\ADDRESS\name` for CIFS. */
  exportLocation: string;
  /** Cinder's; null to find it by the device that is mounted. */
  volumeId: string | null;
  /** The service instance that it is on; null for the one server of a backend that has one for all. */
  serviceInstance: string | null;
}

/** In what a repeated request to manage differs from the one that was asked before; empty when in nothing. */
export const differingManageParameters = (wanted: ManageRequest, existing: ManageRequest) =>
  (
    ['name', 'protocol', 'backend', 'exportLocation', 'volumeId', 'serviceInstance'] as const
  ).filter((field) => wanted[field] !== existing[field]);

/** Where a share's files are: on which volume, and where on its service instance. Fixed once it is made. */
export interface ShareLocation {
  /** Null for a managed share whose file system is on no volume of Cinder's. */
  volumeId: string | null;
  /** Its mount point on the service instance. */
  path: string;
  /** Its name in Samba. */
  exportName: string;
  fileSystem: 'ext4' | 'ext3';
}

/** Manila's names for the life of a snapshot. */
export type SnapshotStatus =
  | 'creating'
  | 'available'
  | 'error'
  | 'manage_starting'
  | 'manage_error'
  | 'unmanaging'
  | 'unmanage_error'
  | 'deleting'
  | 'error_deleting';

export interface Snapshot {
  id: string;
  name: string;
  status: SnapshotStatus;
  /** Of the share when it was taken. */
  sizeGib: number;
  /** Cinder's id, null before there is one. */
  volumeSnapshotId: string | null;
  error: Problem | null;
  /** While what could not be deleted or undone is tried again. */
  retry?: Retry;
  /** ISO 8601, UTC. */
  createdAt: string;
}

/** Why an operation failed: `type` is one of `activities/failures.ts`, or names the refusal. */
export interface Problem {
  type: string;
  message: string;
}

/** The operation that runs on a share or service instance now. */
export interface RunningOperation {
  type: string;
  workflowId: string;
  /** ISO 8601, UTC. */
  startedAt: string;
}

/**
 * What failed and is tried again by itself, at growing intervals, until it succeeds or an operator gives it up. What is to stay
 * is given up by nobody.
 */
export interface Retry {
  /**
   * The operation that is tried: a deletion for what is to go, or what could not be undone; `ensureShare` for a share that a
   * change of its size left out of service; `updateAccess` for a denial that may not be in force.
   */
  operation: string;
  /** Why the latest try failed. */
  reason: string;
  /** When the first one failed. ISO 8601, UTC. */
  since: string;
  /** How many failed. */
  attempts: number;
  /** When the next one begins. ISO 8601, UTC. */
  nextTry: string;
}

/** A share as people see it: the memo `view` of its entity workflow, and the JSON of the command line. */
export interface ShareView extends ShareRequest {
  status: ShareStatus;
  /** The id of its service instance, null before it joined one. */
  serviceInstance: string | null;
  /** Cinder's id, null before there is one. */
  volumeId: string | null;
  /** Larger than the share after a shrink, which leaves the volume as it is. */
  volumeSizeGib: number | null;
  /** What it was created with, once it was extended or shrunk: a repeated create asks for that. */
  originalSizeGib: number | null;
  exportLocations: ExportLocation[];
  /** What its access rules name. Fixed when it is made. */
  accessBy: AccessType;
  accessRules: AccessRule[];
  snapshots: Snapshot[];
  /** What somebody should know of a share that was taken over: what is not as it was. */
  notes?: string[];
  error: Problem | null;
  /** While what could not be deleted, undone, brought back into service or denied is tried again. */
  retry?: Retry;
  operation: RunningOperation | null;
  /** ISO 8601, UTC. */
  createdAt: string;
}

/** A share in its first moment. */
export const newShareView = (request: ShareRequest, createdAt: string): ShareView => ({
  ...request,
  status: 'creating',
  serviceInstance: null,
  volumeId: null,
  volumeSizeGib: null,
  originalSizeGib: null,
  exportLocations: [],
  accessBy: 'ip',
  accessRules: [],
  snapshots: [],
  error: null,
  operation: null,
  createdAt,
});

/** In what a repeated request differs from the share that is there; empty when it asks for the same. */
export const differingParameters = (wanted: ShareRequest, existing: ShareRequest) =>
  (
    [
      'name',
      'protocol',
      'sizeGib',
      'shareNetwork',
      'backend',
      'availabilityZone',
      'fromSnapshot',
    ] as const
  ).filter((field) => JSON.stringify(wanted[field]) !== JSON.stringify(existing[field]));

/** A tenant's network and subnet, resolved, with the router that leads out of it. */
export interface ShareNetwork {
  /** `<networkId>-<subnetId>` shortened to what tells them apart: the subnet's id. */
  id: string;
  networkId: string;
  subnetId: string;
  /** Null where service instances have a port in the subnet itself. */
  routerId: string | null;
}

/** Where a service instance answers SSH, and the key it must prove. */
export interface InstanceHost {
  backend: string;
  /** Hawser's id of the service instance. */
  instanceId: string;
  /** Nova's id. */
  serverId: string;
  address: string;
  /** The host key pinned when the server was made: `ssh-ed25519 AAAA…`. */
  hostKey: string;
}

export interface ServiceInstance extends InstanceHost {
  /** The address that clients of the share network mount from. */
  exportAddress: string;
  /** The address in the operator's admin network; null or absent where there is none. */
  adminAddress?: string | null;
}

export type ServiceInstanceStatus =
  'creating' | 'active' | 'rebooting' | 'deleting' | 'error' | 'deleted';

/** Whether whoever waits for an instance can be told how it is. */
export const isSettled = (status: ServiceInstanceStatus): boolean =>
  status !== 'creating' && status !== 'rebooting';

/** A service instance as people see it: the memo `view` of its entity workflow. */
export interface ServiceInstanceView {
  id: string;
  backend: string;
  /** Null for a server that was there before, and serves all shares of its backend. */
  shareNetwork: ShareNetwork | null;
  status: ServiceInstanceStatus;
  serverId: string | null;
  address: string | null;
  /** Ids of the shares on it. */
  shares: string[];
  /** Ids of shares that are served from it and were unmanaged: it stays for them. */
  unmanagedShares?: string[];
  maxShares: number;
  error: Problem | null;
  /** While what could not be deleted or undone is tried again. */
  retry?: Retry;
  operation: RunningOperation | null;
  createdAt: string;
}

/** What `hawser image check` found on a service instance. */
export interface RequirementsReport {
  checks: { name: string; ok: boolean; detail: string; fix: string }[];
}

/** What was found wrong with a share and put right, in words; empty when it was in service. */
export interface EnsuredShare {
  repaired: string[];
}

/** What one share's `ensure` came to, as those report who ask many. */
export interface ShareOutcome {
  id: string;
  /** Skipped: something else was under way with it, or it is not whole. */
  result: 'healthy' | 'repaired' | 'failed' | 'skipped';
  /** What was repaired, or the reason. */
  details: string[];
}

/** How a service instance was found to be. */
export interface InstanceHealth {
  instanceId: string;
  /** Nova has it ACTIVE and it lets us in: shares on it can be looked at. */
  alive: boolean;
  checks: { name: string; ok: boolean; detail: string }[];
}

/** What came of ensuring many shares, by the instance they are on. */
export interface EnsureReport {
  instances: {
    instanceId: string;
    /** Why its shares could not be looked at; null when they were. */
    problem: Problem | null;
    shares: ShareOutcome[];
  }[];
}

/** By the guest itself, which may take its time or not do it; or by power. */
export type RebootType = 'SOFT' | 'HARD';

/** What came back after a reboot. */
export interface RebootReport {
  instanceId: string;
  type: RebootType;
  /** The kernel's names of both boots; the first is null when the guest did not answer. */
  boot: { before: string | null; after: string };
  checks: InstanceHealth['checks'];
  shares: ShareOutcome[];
}

export const shareWorkflowId = (shareId: string): string => `share-${shareId}`;

/** Every service instance's id names its backend, its share network and its ordinal. */
export const serviceInstanceId = (
  backend: string,
  shareNetworkId: string,
  ordinal: number,
): string => `${backend}-${shareNetworkId}-${ordinal}`;

/** The id of the one server for all shares of a backend that handles no share servers. */
export const commonInstanceId = (backend: string): string => `${backend}-common`;

export const serviceInstanceWorkflowId = (instanceId: string): string =>
  `service-instance-${instanceId}`;

/**
 * A condition of a visibility query. Names of backends and ids need no quoting; a value that does would be another
 * condition.
 */
export function equals(attribute: string, value: string): string {
  if (!/^[A-Za-z0-9._-]+$/.test(value)) {
    throw new RangeError(`${JSON.stringify(value)} is no id: nothing is listed by it`);
  }
  return `${attribute} = '${value}'`;
}

/** What the names of backends begin with in the data of Temporal's namespace. */
export const registeredPrefix = 'hawser.backend.';

/** The task queue that a backend's workers poll. */
export const taskQueue = (backend: string): string => `hawser-${backend}`;

/** Beside it the one for steps that wait for other workflows; no backend's name has a colon. */
export const waitingTaskQueue = (own: string): string => `${own}:waiting`;
