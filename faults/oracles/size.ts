import type { Finding } from '../findings.js';
import type { Picture } from '../picture.js';
import { mountOf } from '../share-data.js';

/** Of every share in service: its file system is as large as Hawser says. */
export function compareSizes(picture: Picture): Finding[] {
  return picture.shares
    .filter(({ status }) => status === 'available')
    .flatMap(({ id, sizeGib }) => {
      const mount = mountOf(picture, id);
      if (!mount || mount.sizeGib === sizeGib) return [];
      const text = `the file system of share ${id} has ${mount.sizeGib} GiB, Hawser says ${sizeGib}`;
      return [{ outcome: 'lost' as const, text }];
    });
}
