import { createHash } from 'node:crypto';
import type { ExportLocation, ShareLocation } from '../workflows/model.js';
import type { BackendOptions } from './backend.js';

/** The share's name on its service instance, as Manila gives it. */
export const shareName = (shareId: string): string => `share-${shareId}`;

/** Where a new share is put; what is there already has its own `ShareLocation`. */
export const newLocation = (
  options: BackendOptions,
  shareId: string,
): Omit<ShareLocation, 'volumeId'> => ({
  path: `${options.share_mount_path}/${shareName(shareId)}`,
  exportName: shareName(shareId),
  fileSystem: options.share_volume_fstype,
});

/** QEMU and Nova give a disk the first 20 characters of its volume's id as its serial. */
export const deviceSerial = (volumeId: string): string => volumeId.slice(0, 20);

/** Says whose file system it is, in the 16 bytes that an ext4 label has. */
export const fileSystemLabel = (volumeId: string): string =>
  createHash('sha256').update(volumeId).digest('hex').slice(0, 16);

/** The addresses that an instance's shares are mounted from; those of an older build lack some. */
export interface ExportAddresses {
  /** For SSH; clients use it where there is no other. */
  address: string;
  exportAddress?: string;
  adminAddress?: string | null;
}

/** Where clients mount a share, and where the operator's own hosts do. */
export function exportLocations(
  { address, exportAddress = address, adminAddress }: ExportAddresses,
  pathAt: (host: string) => string,
): ExportLocation[] {
  const at = (one: string, adminOnly: boolean) => ({ path: pathAt(bracketed(one)), adminOnly });
  return [at(exportAddress, false), ...(adminAddress ? [at(adminAddress, true)] : [])];
}

const bracketed = (address: string): string => (address.includes(':') ? `[${address}]` : address);
