import { proxyActivities } from '@temporalio/workflow';
import type { CifsExportActivities } from '../activities/cifs-exports.js';
import type { NfsExportActivities } from '../activities/nfs-exports.js';
import { promptCommand } from './activity-options.js';
import type { AccessRule, ServiceInstance, ShareLocation, ShareRequest } from './model.js';
import { step } from './step.js';

const { applyNfsExports } = proxyActivities<NfsExportActivities>(promptCommand);
const { applyCifsShare } = proxyActivities<CifsExportActivities>(promptCommand);

export interface UpdateAccessInput {
  share: ShareRequest;
  instance: ServiceInstance;
  location: ShareLocation | null;
  /** The whole list, as it shall be. */
  rules: AccessRule[];
}

/**
 * Makes the share open to exactly these rules, and to nobody else. Gives up after 15 minutes, for the share's
 * next operation waits. Safe to repeat.
 */
export async function updateAccess(input: UpdateAccessInput): Promise<void> {
  const { share, instance, location, rules } = input;
  const wanted = {
    host: instance,
    shareId: share.id,
    location,
    rules: rules.map(({ to, level }) => ({ to, level })),
  };
  const options = step(`open share ${share.id} to ${rules.length} address(es), whole list`);
  if (share.protocol === 'CIFS') await applyCifsShare.executeWithOptions(options, [wanted]);
  else await applyNfsExports.executeWithOptions(options, [wanted]);
}
