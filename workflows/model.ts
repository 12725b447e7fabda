/** The vocabulary that workflows, activities and clients share: plain JSON, no code of Temporal's. */

export type Protocol = 'NFS' | 'CIFS';

export type ShareStatus =
  'creating' | 'available' | 'error' | 'deleting' | 'error_deleting' | 'deleted';

export type AccessLevel = 'rw' | 'ro';

/** Manila's names for the life of an access rule. */
export type AccessRuleState = 'queued_to_apply' | 'applying' | 'active' | 'denying' | 'error';

export interface AccessRule {
  id: string;
  /** An address or prefix in canonical form: `10.0.0.5`, `10.0.0.0/24`, `2001:db8::/32`. */
  to: string;
  level: AccessLevel;
  state: AccessRuleState;
}

export interface ExportLocation {
  /** `ADDRESS:/path` for NFS, `\\ADDRESS\name` for CIFS. */
  path: string;
  /** For the operator's own network only, not for tenants. */
  adminOnly: boolean;
}

/** What a person asks for. Names are resolved to ids by the first step of `createShare`. */
export interface ShareRequest {
  id: string;
  name: string;
  protocol: Protocol;
  sizeGib: number;
  /** `NETWORK` or `NETWORK/SUBNET`, each a name or an id. */
  shareNetwork: string;
  /** A key under `backends` in hawser.yaml. */
  backend: string;
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

/** A share as people see it: the memo `view` of its entity workflow, and the JSON of the command line. */
export interface ShareView extends ShareRequest {
  status: ShareStatus;
  /** The id of its service instance, null before it joined one. */
  serviceInstance: string | null;
  exportLocations: ExportLocation[];
  accessRules: AccessRule[];
  error: Problem | null;
  operation: RunningOperation | null;
  /** ISO 8601, UTC. */
  createdAt: string;
}

/** A share in its first moment. */
export const newShareView = (request: ShareRequest, createdAt: string): ShareView => ({
  ...request,
  status: 'creating',
  serviceInstance: null,
  exportLocations: [],
  accessRules: [],
  error: null,
  operation: null,
  createdAt,
});

/** In what a repeated request differs from the share that is there; empty when it asks for the same. */
export const differingParameters = (wanted: ShareRequest, existing: ShareRequest) =>
  (['name', 'protocol', 'sizeGib', 'shareNetwork', 'backend'] as const).filter(
    (field) => wanted[field] !== existing[field],
  );

/** A tenant's network and subnet, resolved, with the router that leads out of it. */
export interface ShareNetwork {
  /** `<networkId>-<subnetId>` shortened to what tells them apart: the subnet's id. */
  id: string;
  networkId: string;
  subnetId: string;
  routerId: string;
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
}

export type ServiceInstanceStatus = 'creating' | 'active' | 'deleting' | 'error' | 'deleted';

/** A service instance as people see it: the memo `view` of its entity workflow. */
export interface ServiceInstanceView {
  id: string;
  backend: string;
  shareNetwork: ShareNetwork;
  status: ServiceInstanceStatus;
  serverId: string | null;
  address: string | null;
  /** Ids of the shares on it. */
  shares: string[];
  maxShares: number;
  error: Problem | null;
  operation: RunningOperation | null;
  createdAt: string;
}

/** What `hawser image check` found on a service instance. */
export interface RequirementsReport {
  checks: { name: string; ok: boolean; detail: string; fix: string }[];
}

export const shareWorkflowId = (shareId: string): string => `share-${shareId}`;

/** Every service instance's id names its backend, its share network and its ordinal. */
export const serviceInstanceId = (
  backend: string,
  shareNetworkId: string,
  ordinal: number,
): string => `${backend}-${shareNetworkId}-${ordinal}`;

export const serviceInstanceWorkflowId = (instanceId: string): string =>
  `service-instance-${instanceId}`;

/** The task queue that a backend's workers poll. */
export const taskQueue = (backend: string): string => `hawser-${backend}`;
