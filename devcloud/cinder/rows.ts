export interface Volume {
  id: string;
  name: string | null;
  description: string | null;
  projectId: string;
  userId: string;
  sizeGib: number;
  status: string;
  volumeTypeId: string;
  availabilityZone: string;
  metadata: Record<string, string>;
  imageMetadata: Record<string, string> | null;
  snapshotId: string | null;
  sourceVolumeId: string | null;
  imageId: string | null;
  bootable: boolean;
  readonly: boolean;
  createdAt: string;
  updatedAt: string;
}

export interface Snapshot {
  id: string;
  name: string | null;
  description: string | null;
  projectId: string;
  userId: string;
  volumeId: string;
  sizeGib: number;
  status: string;
  progress: string;
  metadata: Record<string, string>;
  createdAt: string;
  updatedAt: string;
}

/** What ties a volume to a server: reserved, attaching, attached, detached. */
export interface Attachment {
  id: string;
  volumeId: string;
  projectId: string;
  serverId: string | null;
  status: string;
  mode: 'rw' | 'ro' | null;
  device: string | null;
  attachedAt: string | null;
  connector: Record<string, unknown> | null;
}

export interface VolumeType {
  id: string;
  name: string;
  description: string | null;
  isPublic: boolean;
  extraSpecs: Record<string, string>;
}
