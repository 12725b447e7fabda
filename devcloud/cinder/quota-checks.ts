import type { Cloud } from '../cloud.js';
import { overQuota } from './errors.js';

/** What a project uses now; snapshots count for gigabytes as volumes do. */
export function volumeUsage({ tables }: Cloud, projectId: string): Record<string, number> {
  const volumes = tables.volumes.where((row) => row.projectId === projectId);
  const snapshots = tables.snapshots.where((row) => row.projectId === projectId);
  const gigabytes = [...volumes, ...snapshots].reduce((sum, { sizeGib }) => sum + sizeGib, 0);
  return { volumes: volumes.length, snapshots: snapshots.length, gigabytes };
}

export function mayAddVolume(cloud: Cloud, projectId: string, sizeGib: number): void {
  mayUseGigabytes(cloud, projectId, sizeGib);
  const { volumes: used = 0 } = volumeUsage(cloud, projectId);
  if (cloud.quotas.exceeded('volume', projectId, { resource: 'volumes', used, more: 1 })) {
    const limit = cloud.quotas.limit('volume', projectId, 'volumes');
    throw overQuota(
      'VolumeLimitExceeded',
      `Maximum number of volumes allowed (${limit}) exceeded for quota 'volumes'.`,
    );
  }
  const perVolume = cloud.quotas.limit('volume', projectId, 'per_volume_gigabytes');
  if (perVolume >= 0 && sizeGib > perVolume) {
    throw overQuota(
      'VolumeSizeExceedsLimit',
      `Requested volume size ${sizeGib}G is larger than maximum allowed limit ${perVolume}G.`,
    );
  }
}

export function mayAddSnapshot(cloud: Cloud, projectId: string, sizeGib: number): void {
  mayUseGigabytes(cloud, projectId, sizeGib);
  const { snapshots: used = 0 } = volumeUsage(cloud, projectId);
  if (cloud.quotas.exceeded('volume', projectId, { resource: 'snapshots', used, more: 1 })) {
    const limit = cloud.quotas.limit('volume', projectId, 'snapshots');
    throw overQuota(
      'SnapshotLimitExceeded',
      `Maximum number of snapshots allowed (${limit}) exceeded`,
    );
  }
}

export function mayUseGigabytes(cloud: Cloud, projectId: string, more: number): void {
  const { gigabytes: used = 0 } = volumeUsage(cloud, projectId);
  if (!cloud.quotas.exceeded('volume', projectId, { resource: 'gigabytes', used, more })) return;
  const limit = cloud.quotas.limit('volume', projectId, 'gigabytes');
  throw overQuota(
    'VolumeSizeExceedsAvailableQuota',
    `Requested volume or snapshot exceeds allowed gigabytes quota. Requested ${more}G, quota is ${limit}G and ${used}G has been consumed.`,
  );
}
