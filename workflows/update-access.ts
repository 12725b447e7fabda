import { proxyActivities } from '@temporalio/workflow';
import type { CifsExportActivities } from '../activities/cifs-exports.js';
import type { NfsExportActivities } from '../activities/nfs-exports.js';
import { remoteCommand } from './activity-options.js';
import type { AccessRule, ServiceInstance, ShareRequest } from './model.js';

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
  const summary = `open share ${share.id} to ${rules.length} address(es), whole list`;
  if (share.protocol === 'CIFS') await applyCifsShare.executeWithOptions({ summary }, [input]);
  else await applyNfsExports.executeWithOptions({ summary }, [input]);
}
