import { proxyActivities } from '@temporalio/workflow';
import type { CifsExportActivities } from '../activities/cifs-exports.js';
import type { NfsExportActivities } from '../activities/nfs-exports.js';
import { remoteCommand } from './activity-options.js';
import type { AccessRule, ServiceInstance, ShareRequest } from './model.js';
import { step } from './step.js';

const { applyNfsExports } = proxyActivities<NfsExportActivities>(remoteCommand);
const { applyCifsShare } = proxyActivities<CifsExportActivities>(remoteCommand);

export interface UpdateAccessInput {
  share: ShareRequest;
  instance: ServiceInstance;
  /** The whole list, as it shall be. */
  rules: AccessRule[];
}

/** Makes the share open to exactly these rules, and to nobody else. Safe to repeat. */
export async function updateAccess({ share, instance, rules }: UpdateAccessInput): Promise<void> {
  const input = {
    host: instance,
    shareId: share.id,
    rules: rules.map(({ to, level }) => ({ to, level })),
  };
  const options = step(`open share ${share.id} to ${rules.length} address(es), whole list`);
  if (share.protocol === 'CIFS') await applyCifsShare.executeWithOptions(options, [input]);
  else await applyNfsExports.executeWithOptions(options, [input]);
}
