import {
  getExternalWorkflowHandle,
  patched,
  proxyActivities,
  workflowInfo,
} from '@temporalio/workflow';
import type { BlockStorageActivities, VolumeSize } from '../activities/block-storage.js';
import type { ComputeActivities } from '../activities/compute.js';
import type { FileSystemActivities, FileSystemUse } from '../activities/file-systems.js';
import { cloudWait, promptCommand } from './activity-options.js';
import { bothOrNeither } from './both-or-neither.js';
import { closeShare } from './close-share.js';
import { sizedSignal } from './messages.js';
import { GIB } from './model.js';
import { openShare } from './open-share.js';
import { step } from './step.js';
import { undoOnFailure } from './undo-on-failure.js';
import type { UpdateAccessInput } from './update-access.js';

const { settleVolume } = proxyActivities<BlockStorageActivities>(cloudWait);
const { attachVolume } = proxyActivities<ComputeActivities>(cloudWait);
const { measureShare } = proxyActivities<FileSystemActivities>(promptCommand);

export interface ResizeShareInput extends UpdateAccessInput {
  sizeGib: number;
  /** False for a share that an earlier operation could not bring back. */
  inService: boolean;
}

interface Maintenance {
  /** Refuses by throwing, before anything is touched; the use is null while it is not mounted. */
  check?: (use: FileSystemUse | null) => void;
  /** Runs with the share closed and unmounted, leaves its volume attached, and says which sizes there are now. */
  work: (volume: VolumeSize) => Promise<Sizes>;
}

interface Sizes {
  sizeGib?: number;
  volumeSizeGib?: number;
}

/**
 * Closes a share to its clients, works on its volume and file system, and opens it to its rules again, also when the
 * work failed or was cancelled. With an `UndoIncomplete` failure it stays closed; after every other it is in service.
 */
export async function whileOutOfService(
  input: ResizeShareInput,
  { check, work }: Maintenance,
): Promise<void> {
  const { id: shareId, backend } = input.share;
  let touched = !input.inService;

  await undoOnFailure(async (onFailure) => {
    onFailure(async () => {
      if (!touched) return;
      await putInService(input);
      // The file system may have got the size that was wanted before the operation failed.
      if (patched('tells-what-was-done') && (await mountedGib(input)) === input.sizeGib) {
        await tellSizes({ sizeGib: input.sizeGib });
      }
    });
    const settle = () =>
      settleVolume.executeWithOptions(step(`look at the volume of share ${shareId}`), [
        { backend, shareId },
      ]);
    // Also tells whether the host answers at all, while clients still have their share.
    const look = () => measure(input);
    const fewerLooks = patched('fewer-looks');
    const [volume, use] = fewerLooks
      ? await bothOrNeither(settle, look)
      : [await settle(), await look()];
    check?.(use);

    touched = true;
    await closeShare(input);
    const sizes = await work(volume);
    await whileTelling(sizes, () =>
      fewerLooks ? openShare(input, volume.volumeId) : putInService(input),
    );
  });
}

/** Tells the share's workflow what is true now, however the operation goes on. */
export async function tellSizes(sizes: Sizes): Promise<void> {
  const { parent } = workflowInfo();
  if (parent) await getExternalWorkflowHandle(parent.workflowId).signal(sizedSignal, sizes);
}

/** Tells them while it goes on. */
export async function whileTelling(sizes: Sizes, goOn: () => Promise<void>): Promise<void> {
  const tell = () => tellSizes(sizes);
  if (patched('told-meanwhile')) {
    await bothOrNeither(tell, goOn);
  } else {
    await tell();
    await goOn();
  }
}

type Mounted = Pick<UpdateAccessInput, 'share' | 'instance' | 'location'>;

const measure = ({ share, instance: host, location }: Mounted): Promise<FileSystemUse | null> =>
  measureShare.executeWithOptions(step(`measure share ${share.id} on ${host.address}`), [
    { host, shareId: share.id, location },
  ]);

/** The size of the share's file system, rounded up; null while it is not mounted. */
export async function mountedGib(place: Mounted): Promise<number | null> {
  const use = await measure(place);
  return use && Math.ceil(use.sizeBytes / GIB);
}

async function putInService(input: ResizeShareInput): Promise<void> {
  const { share, instance: host } = input;
  const { id: shareId, backend } = share;
  const { volumeId, volumeSizeGib } = await settleVolume({ backend, shareId });
  await tellSizes({ volumeSizeGib });
  await attachVolume.executeWithOptions(step(`see that volume ${volumeId} is attached`), [
    { backend, serverId: host.serverId, volumeId },
  ]);
  await openShare(input, volumeId);
}
