import { proxyActivities } from '@temporalio/workflow';
import type { CifsExportActivities } from '../activities/cifs-exports.js';
import type { NfsExportActivities } from '../activities/nfs-exports.js';
import { promptCommand } from './activity-options.js';
import type {
  AccessRule,
  AccessType,
  ServiceInstance,
  ShareLocation,
  ShareRequest,
} from './model.js';
import { step } from './step.js';

const { applyNfsExports } = proxyActivities<NfsExportActivities>(promptCommand);
const { applyCifsShare } = proxyActivities<CifsExportActivities>(promptCommand);

export interface UpdateAccessInput {
  share: ShareRequest;
  instance: ServiceInstance;
  location: ShareLocation | null;
  /** What the rules name; without it addresses. */
  accessBy?: AccessType;
  /** The whole list, as it shall be. */
  rules: AccessRule[];
}

/**
 * Makes the share open to exactly these rules, and to nobody else. Gives up after 15 minutes, for the share's
 * next operation waits. Safe to repeat.
 */
export async function updateAccess(input: UpdateAccessInput): Promise<void> {
  const { share, rules } = input;
  const options = step(`open share ${share.id} by ${rules.length} rule(s), whole list`);
  const wanted = exportOf(input);
  if (share.protocol === 'CIFS') await applyCifsShare.executeWithOptions(options, [wanted]);
  else await applyNfsExports.executeWithOptions(options, [wanted]);
}

/** What it shall be exported as. */
export const exportOf = ({ share, instance, location, accessBy, rules }: UpdateAccessInput) => ({
  host: instance,
  shareId: share.id,
  location,
  accessBy,
  rules: rules.map(({ to, level }) => ({ to, level })),
});
