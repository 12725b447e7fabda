import { proxyActivities } from '@temporalio/workflow';
import type { BlockStorageActivities } from '../activities/block-storage.js';
import type { ComputeActivities } from '../activities/compute.js';
import type { FileSystemActivities } from '../activities/file-systems.js';
import { cloudWait, longCommand } from './activity-options.js';
import { whileOutOfService, whileTelling, type ResizeShareInput } from './out-of-service.js';
import { step } from './step.js';

const { extendVolume } = proxyActivities<BlockStorageActivities>(cloudWait);
const { attachVolume, detachVolume } = proxyActivities<ComputeActivities>(cloudWait);
const { resizeFileSystem } = proxyActivities<FileSystemActivities>(longCommand);

/**
 * Makes a share larger: its volume, which it leaves its server for, and its file system. The volume is left alone when
 * it is large enough. Clients are without the share meanwhile; whatever fails, they have it back afterwards.
 */
export async function extendShare(input: ResizeShareInput): Promise<void> {
  const { share, instance: host, sizeGib } = input;
  const { id: shareId, backend } = share;
  const { serverId } = host;

  await whileOutOfService(input, {
    async work({ volumeId, volumeSizeGib }) {
      const attach = () =>
        attachVolume.executeWithOptions(
          step(`see that volume ${volumeId} is attached to server ${serverId}`),
          [{ backend, serverId, volumeId }],
        );
      let volumeGib = volumeSizeGib;
      if (volumeSizeGib < sizeGib) {
        await detachVolume.executeWithOptions(step(`detach volume ${volumeId}`), [
          { backend, serverId, volumeId },
        ]);
        const grown = await extendVolume.executeWithOptions(
          step(`extend volume ${volumeId} from ${volumeSizeGib} to ${sizeGib} GiB`),
          [{ backend, shareId, volumeId, sizeGib }],
        );
        volumeGib = grown.volumeSizeGib;
        await whileTelling({ volumeSizeGib: volumeGib }, attach);
      } else {
        await attach();
      }
      await resizeFileSystem.executeWithOptions(
        step(`grow the file system on volume ${volumeId} to ${sizeGib} GiB`),
        [{ host, shareId, volumeId, sizeGib }],
      );
      return { sizeGib, volumeSizeGib: volumeGib };
    },
  });
}
