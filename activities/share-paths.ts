import { createHash } from 'node:crypto';
import type { BackendOptions } from './backend.js';

/** The share's name on its service instance, as Manila gives it: directory, CIFS share, exports file. */
export const shareName = (shareId: string): string => `share-${shareId}`;

export const mountPath = (options: BackendOptions, shareId: string): string =>
  `${options.share_mount_path}/${shareName(shareId)}`;

/** QEMU and Nova give a disk the first 20 characters of its volume's id as its serial. */
export const deviceSerial = (volumeId: string): string => volumeId.slice(0, 20);

/** Says whose file system it is, in the 16 bytes that an ext4 label has. */
export const fileSystemLabel = (volumeId: string): string =>
  createHash('sha256').update(volumeId).digest('hex').slice(0, 16);
