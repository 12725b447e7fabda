import type { Snapshot, Volume } from '../../openstack/block-storage.js';
import type { Backend } from '../backend.js';
import { eachInEither } from '../lagging-lists.js';
import { backendTag, fateTag, instanceTag, shareTag, snapshotTag, takenOverTag } from '../marks.js';
import { utc, type Marked } from './marked.js';

/** Cinder's part of what bears the backend's mark: volumes of shares, boot volumes, snapshots. */
export async function markedStorage({ cloud, name }: Backend): Promise<Marked[]> {
  const filter = { metadata: { [backendTag]: name } };
  const volumes = await eachInEither(() => cloud.blockStorage.listVolumes(filter));
  const snapshots = await eachInEither(() => cloud.blockStorage.listSnapshots(filter));
  return [...volumes.map(markedVolume), ...snapshots.map(markedSnapshot)].filter(
    (one) => one !== undefined,
  );
}

/** Undefined for one that bears no mark, and for a boot volume that outlives its instance on purpose. */
export function markedVolume(volume: Volume): Marked | undefined {
  const { id, name, metadata, sizeGib, createdAt, attachments } = volume;
  const { [shareTag]: shareId, [instanceTag]: instanceId } = metadata;
  const common = {
    id,
    name,
    sizeGib,
    createdAt: utc(createdAt),
    serverId: attachments[0]?.serverId ?? null,
    takenOver: takenOverTag in metadata,
  };
  if (shareId !== undefined) {
    const owner = { type: 'share', id: shareId } as const;
    return { ...common, kind: 'volume', mark: `${shareTag}=${shareId}`, owner };
  }
  if (instanceId === undefined || metadata[fateTag] === 'false') return undefined;
  const owner = { type: 'instance', id: instanceId } as const;
  return { ...common, kind: 'boot volume', mark: `${instanceTag}=${instanceId}`, owner };
}

export function markedSnapshot(snapshot: Snapshot): Marked | undefined {
  const { id, name, metadata, sizeGib, createdAt } = snapshot;
  const { [shareTag]: shareId, [snapshotTag]: snapshotId } = metadata;
  if (shareId === undefined || snapshotId === undefined) return undefined;
  return {
    kind: 'snapshot',
    id,
    name,
    mark: `${shareTag}=${shareId} ${snapshotTag}=${snapshotId}`,
    owner: { type: 'share', id: shareId, snapshotId },
    createdAt: utc(createdAt),
    sizeGib,
    serverId: null,
    takenOver: takenOverTag in metadata,
  };
}
