import { patched, proxyActivities } from '@temporalio/workflow';
import type { FileSystemActivities } from '../activities/file-systems.js';
import type { ServingActivities } from '../activities/serving.js';
import { remoteCommand } from './activity-options.js';
import { step } from './step.js';
import { exportOf, updateAccess, type UpdateAccessInput } from './update-access.js';

const { mountAndExport } = proxyActivities<ServingActivities>(remoteCommand);
const { mountShare } = proxyActivities<FileSystemActivities>(remoteCommand);

/** Mounts a share from its attached volume, then opens it to exactly its rules. Safe to repeat. */
export async function openShare(input: UpdateAccessInput, volumeId: string): Promise<void> {
  const { share, instance: host, location, rules } = input;
  const { id: shareId, protocol } = share;
  const mount = `mount volume ${volumeId} on ${host.address}`;
  if (patched('in-one-round-trip')) {
    await mountAndExport.executeWithOptions(
      step(`${mount}, then open share ${shareId} by ${rules.length} rule(s), whole list`),
      [{ ...exportOf(input), protocol, volumeId }],
    );
    return;
  }
  await mountShare.executeWithOptions(step(mount), [{ host, shareId, volumeId, location }]);
  await updateAccess(input);
}
