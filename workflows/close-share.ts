import { patched, proxyActivities, type ActivityInterfaceFor } from '@temporalio/workflow';
import type { CifsExportActivities } from '../activities/cifs-exports.js';
import type { FileSystemActivities } from '../activities/file-systems.js';
import type { NfsExportActivities } from '../activities/nfs-exports.js';
import type { ServingActivities } from '../activities/serving.js';
import { promptCommand } from './activity-options.js';
import { step } from './step.js';
import type { UpdateAccessInput } from './update-access.js';

export type ClosingActivities = ServingActivities &
  NfsExportActivities &
  CifsExportActivities &
  FileSystemActivities;

const prompt = proxyActivities<ClosingActivities>(promptCommand);

interface Closing extends Pick<UpdateAccessInput, 'share' | 'instance' | 'location'> {
  /** With it, what is mounted there from another volume is left alone. */
  volumeId?: string;
  /** The share is to go: a server that is gone or off has nothing left to close. */
  forGood?: true;
}

/**
 * Stops exporting a share and unmounts it. By default it gives up after 15 minutes, for somebody waits to have it back.
 * Safe to repeat.
 */
export async function closeShare(
  { share, instance: host, location, volumeId, forGood }: Closing,
  on: ActivityInterfaceFor<ClosingActivities> = prompt,
): Promise<void> {
  const { id: shareId, protocol } = share;
  const mounted = { host, shareId, location, ...(volumeId !== undefined && { volumeId }) };
  const exported = { host, shareId, location, ...(forGood && { forGood }) };
  if (patched('in-one-round-trip')) {
    await on.unexportAndUnmount.executeWithOptions(
      step(`stop exporting by ${protocol}, then unmount share ${shareId}`),
      [{ ...mounted, ...exported, protocol }],
    );
    return;
  }
  const close = step(`stop exporting by ${protocol}`);
  if (protocol === 'CIFS') {
    await on.removeCifsShare.executeWithOptions(close, [{ host, shareId, location }]);
  } else {
    await on.applyNfsExports.executeWithOptions(close, [{ ...exported, rules: [] }]);
  }
  await on.unmountShare.executeWithOptions(step(`unmount share ${shareId}`), [mounted]);
}
