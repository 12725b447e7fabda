import { ApplicationFailure, proxyActivities } from '@temporalio/workflow';
import type { BlockStorageActivities } from '../activities/block-storage.js';
import type { ComputeActivities } from '../activities/compute.js';
import type { FileSystemActivities } from '../activities/file-systems.js';
import type { Drift, Inspection, InspectionActivities } from '../activities/inspection.js';
import type { ReadinessActivities } from '../activities/readiness.js';
import { cloudCall, cloudWait, promptCommand, promptLook } from './activity-options.js';
import { closeShare } from './close-share.js';
import type { EnsuredShare } from './model.js';
import { mountedGib, tellSizes } from './out-of-service.js';
import { failureOf, problemOf } from './problem.js';
import { step } from './step.js';
import { updateAccess, type UpdateAccessInput } from './update-access.js';

const { findVolume, requireVolume } = proxyActivities<BlockStorageActivities>({
  ...cloudCall,
  scheduleToCloseTimeout: '5m',
});
const { requireServer } = proxyActivities<ComputeActivities>(promptLook);
const { attachVolume } = proxyActivities<ComputeActivities>({
  ...cloudWait,
  scheduleToCloseTimeout: '15m',
});
const { logIn } = proxyActivities<ReadinessActivities>(promptLook);
const { inspectShare } = proxyActivities<InspectionActivities>({
  ...promptLook,
  // A busy instance is slow, not dead. Before it is tried again, it is asked whether there is any hope.
  startToCloseTimeout: '60s',
  retry: { maximumAttempts: 1 },
});
const { inspectShare: inspectAgain } = proxyActivities<InspectionActivities>({
  ...promptLook,
  startToCloseTimeout: '2m',
});
const { startFileService } = proxyActivities<InspectionActivities>(promptCommand);
const { mountShare } = proxyActivities<FileSystemActivities>(promptCommand);

/** The share with its rules, the whole list as it should be. */
export interface EnsureShareInput extends UpdateAccessInput {
  /** A change of its size left it out of service, and nobody told which size it has. */
  resized?: boolean;
}

/**
 * Looks whether clients can use the share, puts right what is not as it should be, and looks again: what it
 * returns from is in service. Fails with the reason otherwise. Safe to repeat.
 */
export async function ensureShare(input: EnsureShareInput): Promise<EnsuredShare> {
  const ensured = await ensure(input);
  const sizeGib = input.resized ? await mountedGib(input) : null;
  if (sizeGib !== null) await tellSizes({ sizeGib });
  return ensured;
}

async function ensure(input: EnsureShareInput): Promise<EnsuredShare> {
  const volumeId = await volumeOf(input);
  const { drift, mounted } = await look(input, volumeId);
  if (drift.length === 0) return { repaired: [] };

  const repaired = await repair({ ...input, volumeId }, { drift, mounted });
  const left = await look(input, volumeId);
  if (left.drift.length > 0) {
    throw ApplicationFailure.nonRetryable(
      `Share ${input.share.id} is not in service after its repair (${repaired.join(', ')}): still wrong are ${left.drift.join(', ')}`,
      'CommandFailed',
    );
  }
  return { repaired };
}

async function volumeOf({ share, location }: EnsureShareInput): Promise<string | null> {
  // An older build did not say where it put a share.
  if (location) return location.volumeId;
  const volume = await findVolume({ backend: share.backend, shareId: share.id });
  return volume?.volumeId ?? null;
}

async function look(input: EnsureShareInput, volumeId: string | null): Promise<Inspection> {
  const { share, instance: host, location, accessBy, rules } = input;
  const options = step(`look at share ${share.id}`);
  const { id: shareId, protocol, backend } = share;
  const asked = { host, shareId, protocol, location, volumeId, accessBy, rules };
  try {
    return await inspectShare.executeWithOptions(options, [asked]);
  } catch (failure) {
    if (!mayPass(failure)) throw failure;
  }
  const { instanceId, serverId, address } = host;
  await requireServer({ backend, instanceId, serverId });
  try {
    await logIn.executeWithOptions(step(`log in at ${address}`), [{ host }]);
    return await inspectAgain.executeWithOptions(options, [asked]);
  } catch (failure) {
    if (!mayPass(failure)) throw failure;
    const { message } = problemOf(failure);
    throw failureOf({
      type: 'HostUnreachable',
      message: `Server ${serverId} is ACTIVE, but service instance ${instanceId} does not answer at ${address} (${message}). Restart it with: hawser instance reboot ${instanceId} --hard`,
    });
  }
}

/** Nobody answered, which says nothing of the share. */
function mayPass(failure: unknown): boolean {
  const { type } = problemOf(failure);
  return type === 'HostUnreachable' || type === 'TimedOut';
}

/** Does what the drift makes necessary, and says what it did. */
async function repair(
  input: EnsureShareInput & { volumeId: string | null },
  { drift, mounted }: Inspection,
): Promise<string[]> {
  const { share, instance: host, location, volumeId } = input;
  const { id: shareId, backend, protocol } = share;
  const { serverId } = host;
  const wrong = (...parts: Drift[]) => parts.some((part) => drift.includes(part));
  const repaired: string[] = [];

  if (wrong('device', 'mount', 'fstab') && volumeId === null) {
    throw ApplicationFailure.nonRetryable(
      `Share ${shareId} is on no volume of Cinder's and not mounted as it should be: mount it at ${location?.path} on ${host.address}, then ensure it again`,
      'VolumeFailed',
    );
  }
  if (wrong('device') && volumeId !== null) {
    // Before anything is closed: without its volume there is nothing to bring back.
    await requireVolume.executeWithOptions(step(`find volume ${volumeId}`), [
      { backend, shareId, volumeId, serverId },
    ]);
  }
  if (wrong('service')) {
    await startFileService.executeWithOptions(step(`start the ${protocol} server`), [
      { host, protocol },
    ]);
    repaired.push(`the ${protocol} server started again`);
  }
  if (wrong('mount') && mounted) {
    await closeShare({ share, instance: host, location });
    repaired.push('a file system that was gone or read-only unmounted');
  }
  if (wrong('device') && volumeId !== null) {
    await attachVolume.executeWithOptions(step(`attach volume ${volumeId} to server ${serverId}`), [
      { backend, serverId, volumeId },
    ]);
    repaired.push(`volume ${volumeId} attached again`);
  }
  if (wrong('device', 'mount', 'fstab') && volumeId !== null) {
    await mountShare.executeWithOptions(step(`mount volume ${volumeId} on ${host.address}`), [
      { host, shareId, volumeId, location },
    ]);
    repaired.push(wrong('mount') ? 'mounted again' : 'fstab line written again');
  }
  // The server exports nothing while it is not mounted.
  if (wrong('service', 'mount', 'exports')) {
    await updateAccess(input);
    repaired.push('exports written again');
  }
  return repaired;
}
