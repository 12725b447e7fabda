import type { FastifyRequest } from 'fastify';
import type { Cloud } from '../cloud.js';
import type { Attachment, Snapshot, Volume } from './rows.js';

/** Cinder's form: microseconds, no zone. */
export const cinderTime = (iso: string): string => iso.replace('Z', '000');

export const selfUrl = (cloud: Cloud, projectId: string, path: string): string =>
  `${cloud.url}/volume/v3/${projectId}${path}`;

const links = (cloud: Cloud, { projectId, id }: Volume) => [
  { rel: 'self', href: selfUrl(cloud, projectId, `/volumes/${id}`) },
  { rel: 'bookmark', href: `${cloud.url}/volume/${projectId}/volumes/${id}` },
];

export const volumeSummary = (cloud: Cloud, row: Volume) => ({
  id: row.id,
  name: row.name,
  links: links(cloud, row),
});

export function volumeView(cloud: Cloud, row: Volume, { caller, minor }: FastifyRequest) {
  const type = cloud.tables.volumeTypes.get(row.volumeTypeId);
  return {
    ...volumeSummary(cloud, row),
    description: row.description,
    status: row.status,
    size: row.sizeGib,
    availability_zone: row.availabilityZone,
    created_at: cinderTime(row.createdAt),
    updated_at: row.updatedAt === row.createdAt ? null : cinderTime(row.updatedAt),
    volume_type: type?.name ?? null,
    snapshot_id: row.snapshotId,
    source_volid: row.sourceVolumeId,
    metadata: row.readonly ? { ...row.metadata, readonly: 'True' } : row.metadata,
    user_id: row.userId,
    bootable: String(row.bootable),
    encrypted: false,
    replication_status: null,
    consistencygroup_id: null,
    multiattach: false,
    attachments: attachedTo(cloud, row, caller.isAdmin),
    'os-vol-tenant-attr:tenant_id': row.projectId,
    ...(row.imageMetadata && { volume_image_metadata: row.imageMetadata }),
    ...(caller.isAdmin && {
      migration_status: null,
      'os-vol-host-attr:host': 'devcloud@files#files',
      'os-vol-mig-status-attr:migstat': null,
      'os-vol-mig-status-attr:name_id': null,
    }),
    ...(minor >= 13 && { group_id: null }),
    ...(minor >= 21 && caller.isAdmin && { provider_id: null }),
    ...(minor >= 48 && { service_uuid: null, shared_targets: false }),
    ...(minor >= 61 && caller.isAdmin && { cluster_name: null }),
    ...(minor >= 63 && { volume_type_id: row.volumeTypeId }),
    ...(minor >= 65 && { consumes_quota: true }),
  };
}

const attachedTo = (cloud: Cloud, { id }: Volume, isAdmin: boolean) =>
  cloud.tables.attachments
    .where((row) => row.volumeId === id && row.status === 'attached')
    .map((row) => ({
      id,
      attachment_id: row.id,
      volume_id: id,
      server_id: row.serverId,
      host_name: isAdmin ? 'devcloud' : null,
      device: row.device,
      attached_at: row.attachedAt && cinderTime(row.attachedAt),
    }));

export const snapshotView = (row: Snapshot, { minor }: FastifyRequest) => ({
  id: row.id,
  name: row.name,
  description: row.description,
  volume_id: row.volumeId,
  status: row.status,
  size: row.sizeGib,
  metadata: row.metadata,
  created_at: cinderTime(row.createdAt),
  updated_at: row.updatedAt === row.createdAt ? null : cinderTime(row.updatedAt),
  'os-extended-snapshot-attributes:progress': row.progress,
  'os-extended-snapshot-attributes:project_id': row.projectId,
  ...(minor >= 14 && { group_snapshot_id: null }),
  ...(minor >= 41 && { user_id: row.userId }),
  ...(minor >= 65 && { consumes_quota: true }),
});

export const attachmentSummary = (row: Attachment) => ({
  id: row.id,
  status: row.status,
  instance: row.serverId,
  volume_id: row.volumeId,
});

export const attachmentView = (row: Attachment) => ({
  ...attachmentSummary(row),
  attached_at: row.attachedAt ? cinderTime(row.attachedAt) : '',
  detached_at: '',
  attach_mode: row.mode ?? 'null',
  connection_info: row.connector ? { driver_volume_type: 'file', data: {} } : {},
});
