import type { Finding } from '../findings.js';
import type { Picture } from '../picture.js';

/** Of every share in service: its file system is as large as Hawser says. */
export function compareSizes({ shares, guests }: Picture): Finding[] {
  const mounts = guests.flatMap((guest) => guest.mounts);
  return shares
    .filter(({ status }) => status === 'available')
    .flatMap(({ id, volumeId, sizeGib }) => {
      const mount = mounts.find(
        ({ volume }) => volumeId !== null && volume.includes(volumeId.slice(0, 20)),
      );
      if (!mount || mount.sizeGib === sizeGib) return [];
      const text = `the file system of share ${id} has ${mount.sizeGib} GiB, Hawser says ${sizeGib}`;
      return [{ outcome: 'lost' as const, text }];
    });
}
