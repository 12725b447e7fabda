import { patched, proxyActivities } from '@temporalio/workflow';
import type { BlockStorageActivities } from '../activities/block-storage.js';
import type { ComputeActivities } from '../activities/compute.js';
import type { PlacementActivities } from '../activities/placement.js';
import {
  cloudCall,
  cloudWait,
  entityCall,
  promptCommand,
  remoteCommand,
} from './activity-options.js';
import { bothOrNeither } from './both-or-neither.js';
import { closeShare, type ClosingActivities } from './close-share.js';
import type { ServiceInstance, ShareLocation, ShareRequest } from './model.js';
import { step } from './step.js';

const { leaveServiceInstance, leaveAnyInstance } = proxyActivities<PlacementActivities>(entityCall);
const { findVolume, deleteVolume } = proxyActivities<BlockStorageActivities>(cloudWait);
const { serverExists } = proxyActivities<ComputeActivities>(cloudCall);
const { detachVolume } = proxyActivities<ComputeActivities>(cloudWait);
const patient = proxyActivities<ClosingActivities>(remoteCommand);
const prompt = proxyActivities<ClosingActivities>(promptCommand);

export interface DeleteShareInput {
  share: ShareRequest;
  /** Null for a share that did not get so far as to say where it has a place, if it has one. */
  instance: ServiceInstance | null;
  /** Null when its making did not get so far as to say. */
  location: ShareLocation | null;
  /** It failed before and is tried again later: an instance that does not answer must not hold up a giving up for a day. */
  isRetry?: boolean;
}

/**
 * Removes a share and its data; what is already gone counts as removed, and an instance that is off is not waited
 * for: its volume is detached all the same. Safe to repeat.
 */
export async function deleteShare(input: DeleteShareInput): Promise<void> {
  const { share, instance, location } = input;
  const { id: shareId, backend } = share;
  if (instance) await takeOffInstance(input, instance);
  await deleteVolume.executeWithOptions(step(`delete the volume of share ${shareId}`), [
    { backend, shareId },
  ]);
  if (instance) {
    const { instanceId } = instance;
    await leaveServiceInstance.executeWithOptions(step(`leave service instance ${instanceId}`), [
      { backend, instanceId, shareId, gone: true, ...(location && { path: location.path }) },
    ]);
  } else if (patched('untold-places')) {
    await leaveAnyInstance.executeWithOptions(
      step(`leave whichever service instance has a place for share ${shareId}`),
      [{ backend, shareId }],
    );
  }
}

async function takeOffInstance(
  { share, location, isRetry = false }: DeleteShareInput,
  instance: ServiceInstance,
): Promise<void> {
  const { id: shareId, backend } = share;
  const onHost = isRetry ? prompt : patient;
  const { serverId } = instance;
  const isThere = () => serverExists({ backend, serverId });
  const find = () => findVolume({ backend, shareId });
  const lookedUp = patched('looked-up-at-once') ? await bothOrNeither(isThere, find) : undefined;
  if (!(lookedUp ? lookedUp[0] : await isThere())) return;
  const findOnce = async () => (lookedUp ? lookedUp[1] : find());

  const own = location === null ? await findOnce() : undefined;
  const volumeId = own?.volumeId ?? null;
  if (location !== null || (await isFree(onHost, { host: instance, shareId, volumeId }))) {
    await closeShare(
      { share, instance, location, forGood: true, ...(own && { volumeId: own.volumeId }) },
      onHost,
    );
  }
  const volume = await findOnce();
  if (!volume) return;
  await detachVolume.executeWithOptions(step(`detach volume ${volume.volumeId}`), [
    { backend, serverId, volumeId: volume.volumeId },
  ]);
}

/**
 * Whether the place of a share that did not get so far as to say where it is holds its own volume or nothing. It may have
 * failed just because somebody else's files are there, who exports them under the same name.
 */
async function isFree(
  { findOtherMount }: Pick<typeof patient, 'findOtherMount'>,
  place: { host: ServiceInstance; shareId: string; volumeId: string | null },
): Promise<boolean> {
  const looked = step(`whose files are in the place of share ${place.shareId}`);
  return (await findOtherMount.executeWithOptions(looked, [place])) === null;
}
