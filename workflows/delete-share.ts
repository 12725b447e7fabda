import { proxyActivities } from '@temporalio/workflow';
import type { BlockStorageActivities } from '../activities/block-storage.js';
import type { CifsExportActivities } from '../activities/cifs-exports.js';
import type { ComputeActivities } from '../activities/compute.js';
import type { FileSystemActivities } from '../activities/file-systems.js';
import type { NfsExportActivities } from '../activities/nfs-exports.js';
import type { PlacementActivities } from '../activities/placement.js';
import { cloudCall, cloudWait, entityCall, remoteCommand } from './activity-options.js';
import type { ServiceInstance, ShareLocation, ShareRequest } from './model.js';
import { step } from './step.js';

const { leaveServiceInstance } = proxyActivities<PlacementActivities>(entityCall);
const { findVolume, deleteVolume } = proxyActivities<BlockStorageActivities>(cloudWait);
const { serverExists } = proxyActivities<ComputeActivities>(cloudCall);
const { detachVolume } = proxyActivities<ComputeActivities>(cloudWait);
const { findOtherMount, unmountShare } = proxyActivities<FileSystemActivities>(remoteCommand);
const { applyNfsExports } = proxyActivities<NfsExportActivities>(remoteCommand);
const { removeCifsShare } = proxyActivities<CifsExportActivities>(remoteCommand);

export interface DeleteShareInput {
  share: ShareRequest;
  /** Null for a share that never found a place, or whose create was undone. */
  instance: ServiceInstance | null;
  /** Null when its making did not get so far as to say. */
  location: ShareLocation | null;
}

/**
 * Removes a share and its data; what is already gone counts as removed, and an instance that is off is not waited
 * for: its volume is detached all the same. Safe to repeat.
 */
export async function deleteShare(input: DeleteShareInput): Promise<void> {
  const { share, instance, location } = input;
  const { id: shareId, backend } = share;
  if (instance) {
    await takeOffInstance(share, instance, location);
  }
  await deleteVolume.executeWithOptions(step(`delete the volume of share ${shareId}`), [
    { backend, shareId },
  ]);
  if (instance) {
    const { instanceId } = instance;
    await leaveServiceInstance.executeWithOptions(step(`leave service instance ${instanceId}`), [
      { backend, instanceId, shareId, gone: true, ...(location && { path: location.path }) },
    ]);
  }
}

async function takeOffInstance(
  { id: shareId, backend, protocol }: ShareRequest,
  instance: ServiceInstance,
  location: ShareLocation | null,
): Promise<void> {
  const { serverId } = instance;
  if (!(await serverExists({ backend, serverId }))) return;

  const own = location === null ? await findVolume({ backend, shareId }) : undefined;
  const volumeId = own?.volumeId ?? null;
  if (location !== null || (await isFree({ instance, shareId, volumeId }))) {
    const unexport = step(`stop exporting by ${protocol}`);
    if (protocol === 'CIFS') {
      await removeCifsShare.executeWithOptions(unexport, [{ host: instance, shareId, location }]);
    } else {
      await applyNfsExports.executeWithOptions(unexport, [
        { host: instance, shareId, location, rules: [], forGood: true },
      ]);
    }
    await unmountShare.executeWithOptions(step(`unmount share ${shareId}`), [
      { host: instance, shareId, location, ...(own && { volumeId: own.volumeId }) },
    ]);
  }
  const volume = await findVolume({ backend, shareId });
  if (!volume) return;
  await detachVolume.executeWithOptions(step(`detach volume ${volume.volumeId}`), [
    { backend, serverId, volumeId: volume.volumeId },
  ]);
}

/**
 * Whether the place of a share that did not get so far as to say where it is holds its own volume or nothing. It may have
 * failed just because somebody else's files are there, who exports them under the same name.
 */
async function isFree({
  instance,
  shareId,
  volumeId,
}: {
  instance: ServiceInstance;
  shareId: string;
  volumeId: string | null;
}): Promise<boolean> {
  const looked = step(`whose files are in the place of share ${shareId}`);
  const other = await findOtherMount.executeWithOptions(looked, [
    { host: instance, shareId, volumeId },
  ]);
  return other === null;
}
