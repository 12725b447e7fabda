import { proxyActivities } from '@temporalio/workflow';
import type { CifsExportActivities } from '../activities/cifs-exports.js';
import type { FileSystemActivities } from '../activities/file-systems.js';
import type { NfsExportActivities } from '../activities/nfs-exports.js';
import { promptCommand } from './activity-options.js';
import { step } from './step.js';
import type { UpdateAccessInput } from './update-access.js';

const { applyNfsExports } = proxyActivities<NfsExportActivities>(promptCommand);
const { removeCifsShare } = proxyActivities<CifsExportActivities>(promptCommand);
const { unmountShare } = proxyActivities<FileSystemActivities>(promptCommand);

/**
 * Stops exporting a share and unmounts it. Gives up after 15 minutes a step, for somebody waits to have it back.
 * Safe to repeat.
 */
export async function closeShare({
  share,
  instance: host,
  location,
}: Pick<UpdateAccessInput, 'share' | 'instance' | 'location'>): Promise<void> {
  const { id: shareId, protocol } = share;
  const close = step(`stop exporting by ${protocol}`);
  if (protocol === 'CIFS') {
    await removeCifsShare.executeWithOptions(close, [{ host, shareId, location }]);
  } else {
    await applyNfsExports.executeWithOptions(close, [{ host, shareId, location, rules: [] }]);
  }
  await unmountShare.executeWithOptions(step(`unmount share ${shareId}`), [
    { host, shareId, location },
  ]);
}
