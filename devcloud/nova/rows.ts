import type { BlockDevice } from './server-request.js';

export interface Flavor {
  id: string;
  name: string;
  ramMib: number;
  vcpus: number;
  diskGib: number;
  isPublic: boolean;
  description: string | null;
  extraSpecs: Record<string, string>;
}

export interface Keypair {
  /** `<userId>/<name>`: a name is unique to its user only. */
  id: string;
  userId: string;
  name: string;
  type: 'ssh' | 'x509';
  publicKey: string;
  fingerprint: string;
  createdAt: string;
}

export type VmState = 'building' | 'active' | 'stopped' | 'error' | 'soft-delete';

export interface ServerNetwork {
  networkId?: string;
  portId?: string;
  fixedIp?: string;
}

export interface ServerFault {
  code: number;
  message: string;
  details: string;
  created: string;
}

export interface ServerAction {
  action: string;
  requestId: string;
  userId: string;
  startedAt: string;
}

export interface Server {
  id: string;
  name: string;
  description: string | null;
  hostname: string;
  projectId: string;
  userId: string;
  flavor: Flavor;
  imageId: string | null;
  keyName: string | null;
  /** Kept as it was when the server was made: the keypair may be deleted meanwhile. */
  publicKey: string | null;
  configDrive: boolean;
  userData: string | null;
  metadata: Record<string, string>;
  tags: string[];
  securityGroups: string[];
  requestedNetworks: ServerNetwork[];
  /** Ports bound so far, in the order of the guest's interfaces. */
  portIds: string[];
  /** Ports that were there before the server and stay when it goes. */
  keptPortIds: string[];
  availabilityZone: string;
  vmState: VmState;
  taskState: string | null;
  powerState: number;
  progress: number;
  fault: ServerFault | null;
  locked: boolean;
  createdAt: string;
  updatedAt: string;
  launchedAt: string | null;
  reservationId: string;
  /** Volumes that are made or attached while the server is built. */
  blockDevices: BlockDevice[];
  /** What was asked of it, oldest first; a state file of former times has none. */
  actions?: ServerAction[];
  /** The volumes of `blockDevices` that are known so far, in the same order. */
  volumeIds: string[];
}

/** A volume of a server: Nova's block device mapping. */
export interface VolumeMapping {
  /** `<serverId>/<volumeId>` */
  id: string;
  uuid: string;
  serverId: string;
  volumeId: string;
  attachmentId: string;
  device: string;
  tag: string | null;
  deleteOnTermination: boolean;
  bootIndex: number | null;
}
