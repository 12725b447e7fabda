import { ApplicationFailure, proxyActivities } from '@temporalio/workflow';
import type { ComputeActivities } from '../activities/compute.js';
import type { FileSystemActivities, FileSystemUse } from '../activities/file-systems.js';
import { cloudWait, longCommand } from './activity-options.js';
import { GIB } from './model.js';
import { whileOutOfService, type ResizeShareInput } from './out-of-service.js';
import { step } from './step.js';

const { attachVolume } = proxyActivities<ComputeActivities>(cloudWait);
const { resizeFileSystem } = proxyActivities<FileSystemActivities>(longCommand);

/**
 * Makes a share's file system smaller; its volume stays as it is. `ShrinkingPossibleDataLoss` when the data would not
 * fit: clients notice nothing of it, unless only the file system itself can tell, unmounted. Whatever fails, they have
 * the share back afterwards.
 */
export async function shrinkShare(input: ResizeShareInput): Promise<void> {
  const { share, instance: host, sizeGib } = input;
  const { id: shareId, backend } = share;

  await whileOutOfService(input, {
    check(use) {
      if (use && needsBytes(use, sizeGib) > sizeGib * GIB) throw dataLoss(shareId, use, sizeGib);
    },
    async work({ volumeId, volumeSizeGib }) {
      await attachVolume.executeWithOptions(step(`see that volume ${volumeId} is attached`), [
        { backend, serverId: host.serverId, volumeId },
      ]);
      await resizeFileSystem.executeWithOptions(
        step(`shrink the file system on volume ${volumeId} to ${sizeGib} GiB`),
        [{ host, shareId, volumeId, sizeGib }],
      );
      return { sizeGib, volumeSizeGib };
    },
  });
}

/** The data, and what a file system of that size keeps for itself: most of it, its inode tables, goes with the size. */
function needsBytes({ usedBytes, overheadBytes, sizeBytes }: FileSystemUse, sizeGib: number) {
  return usedBytes + (overheadBytes * sizeGib * GIB) / sizeBytes;
}

function dataLoss(shareId: string, { usedBytes }: FileSystemUse, sizeGib: number) {
  const used = (usedBytes / GIB).toFixed(2);
  return ApplicationFailure.nonRetryable(
    `Share ${shareId} holds ${used} GiB of data, which does not fit into ${sizeGib} GiB. Remove some of it first`,
    'ShrinkingPossibleDataLoss',
  );
}
