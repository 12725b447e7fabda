import {
  ApplicationFailure,
  getExternalWorkflowHandle,
  patched,
  proxyActivities,
  workflowInfo,
} from '@temporalio/workflow';
import type { BlockStorageActivities } from '../activities/block-storage.js';
import type { CifsExportActivities } from '../activities/cifs-exports.js';
import type { ComputeActivities } from '../activities/compute.js';
import type { FileSystemActivities } from '../activities/file-systems.js';
import type { NetworkActivities } from '../activities/network.js';
import type { NfsExportActivities } from '../activities/nfs-exports.js';
import type { PlacementActivities } from '../activities/placement.js';
import type { ServingActivities } from '../activities/serving.js';
import type { ShareHelperActivities } from '../activities/share-helpers.js';
import type { VolumeSnapshotActivities } from '../activities/volume-snapshots.js';
import {
  cloudCall,
  cloudWait,
  entityCall,
  longCommand,
  remoteCommand,
} from './activity-options.js';
import { bothOrNeither } from './both-or-neither.js';
import { placedSignal } from './messages.js';
import {
  commonInstanceId,
  serviceInstanceId,
  type AccessType,
  type ExportLocation,
  type ServiceInstance,
  type ShareLocation,
  type ShareNetwork,
  type ShareRequest,
} from './model.js';
import { step, waitingStep } from './step.js';
import { undoOnFailure } from './undo-on-failure.js';

const { resolveShareNetwork } = proxyActivities<NetworkActivities>(cloudCall);
const { resolveShareHelper } = proxyActivities<ShareHelperActivities>(cloudCall);
const { joinServiceInstance, leaveServiceInstance } =
  proxyActivities<PlacementActivities>(entityCall);
const { ensureVolume, deleteVolume } = proxyActivities<BlockStorageActivities>(cloudWait);
const { attachVolume, detachVolume } = proxyActivities<ComputeActivities>(cloudWait);
const { findVolumeSnapshot } = proxyActivities<VolumeSnapshotActivities>(cloudCall);
const { formatVolume, mountShare, unmountShare } =
  proxyActivities<FileSystemActivities>(remoteCommand);
const { renewFileSystem } = proxyActivities<FileSystemActivities>(longCommand);
const { formatAndMount } = proxyActivities<ServingActivities>(remoteCommand);
const { applyNfsExports } = proxyActivities<NfsExportActivities>(remoteCommand);
const { applyCifsShare, removeCifsShare } = proxyActivities<CifsExportActivities>(remoteCommand);

export interface CreatedShare {
  instance: ServiceInstance;
  location: ShareLocation;
  volumeSizeGib: number;
  exportLocations: ExportLocation[];
  accessBy: AccessType;
}

type Place = Omit<ShareLocation, 'volumeId'>;
type OnFailure = (undo: () => Promise<unknown>) => void;

/**
 * Makes a share that nobody may mount yet, empty or with the files of a snapshot, and returns where it is and the paths to mount it by. Leaves
 * nothing behind if it fails; the service instance stays, for the network's other shares.
 */
export async function createShare(share: ShareRequest): Promise<CreatedShare> {
  const { id: shareId, backend, sizeGib, protocol, availabilityZone, fromSnapshot } = share;

  const findHelper = async (): Promise<{ accessBy: AccessType; place?: Place }> =>
    patched('share-helpers')
      ? resolveShareHelper({ backend, protocol, shareId })
      : { accessBy: 'ip' };
  const findNetwork = () =>
    resolveShareNetwork.executeWithOptions(
      step(
        share.shareNetwork === null
          ? `whether backend ${backend} needs a share network`
          : `find share network ${share.shareNetwork}`,
      ),
      [{ backend, shareNetwork: share.shareNetwork }],
    );
  const [{ accessBy, place }, shareNetwork] = patched('looked-up-at-once')
    ? await bothOrNeither(findHelper, findNetwork)
    : [await findHelper(), await findNetwork()];

  const origin =
    fromSnapshot &&
    (await findVolumeSnapshot.executeWithOptions(
      step(`find snapshot ${fromSnapshot.snapshotId} of share ${fromSnapshot.shareId}`),
      [{ backend, ...fromSnapshot }],
    ));
  // The snapshot of a share that was shrunk is larger than the share: its volume was not.
  const volumeGib = Math.max(sizeGib, origin?.volumeSizeGib ?? 0);

  return undoOnFailure(async (onFailure) => {
    const makeVolume = async () => {
      onFailure(() => deleteVolume({ backend, shareId }));
      return ensureVolume.executeWithOptions(step(`create a ${volumeGib} GiB volume`), [
        {
          backend,
          shareId,
          sizeGib: volumeGib,
          availabilityZone,
          volumeSnapshotId: origin?.volumeSnapshotId,
        },
      ]);
    };
    const [host, { volumeId, volumeSizeGib }] = await bothOrNeither(
      () => joinAnInstance(share, shareNetwork, onFailure),
      makeVolume,
    );

    // Older builds did not say yet where it will be.
    const planned = place && { ...place, volumeId };

    let mayBeMounted = false;
    onFailure(async () => {
      // One undo, not two: a volume is not detached while its file system is mounted.
      if (mayBeMounted) await unmountShare({ host, shareId, location: planned, volumeId });
      await detachVolume({ backend, serverId: host.serverId, volumeId });
    });
    const attach = () =>
      attachVolume.executeWithOptions(
        step(`attach volume ${volumeId} to server ${host.serverId}`),
        [{ backend, serverId: host.serverId, volumeId }],
      );
    const exportClosed = async (location: ShareLocation): Promise<ExportLocation[]> => {
      const exported = step(`export by ${protocol}, closed to all`);
      const closed = { host, shareId, location, rules: [] };
      if (protocol === 'CIFS') {
        onFailure(() => removeCifsShare({ host, shareId, location }));
        return applyCifsShare.executeWithOptions(exported, [{ ...closed, accessBy }]);
      }
      onFailure(() => applyNfsExports(closed));
      return applyNfsExports.executeWithOptions(exported, [closed]);
    };
    // Nobody is let in, so the file system need not be there yet.
    const [, exported] = planned
      ? await bothOrNeither(attach, () => exportClosed(planned))
      : [await attach(), undefined];

    const mountAt = async (isNew: boolean, at?: ShareLocation) =>
      mountShare.executeWithOptions(step(`mount volume ${volumeId} on ${host.address}`), [
        { host, shareId, volumeId, location: at, isNew },
      ]);
    const mountCopy = async () => {
      const copied = await renewCopy({ host, shareId, location: planned, volumeId, sizeGib });
      mayBeMounted = true;
      return mountAt(false, copied);
    };
    const mountNew = async () => {
      const make = `make a file system on volume ${volumeId}`;
      if (patched('in-one-round-trip')) {
        mayBeMounted = true;
        return formatAndMount.executeWithOptions(step(`${make} and mount it on ${host.address}`), [
          { host, shareId, volumeId, location: planned },
        ]);
      }
      await formatVolume.executeWithOptions(step(make), [{ host, shareId, volumeId }]);
      mayBeMounted = true;
      return mountAt(true, planned);
    };
    const location = origin ? await mountCopy() : await mountNew();

    const exportLocations = exported ?? (await exportClosed(location));
    return { instance: host, location, volumeSizeGib, exportLocations, accessBy };
  });
}

/** A copy is no other share's file system any more when this ends. */
async function renewCopy(copy: {
  host: ServiceInstance;
  shareId: string;
  location?: ShareLocation | undefined;
  volumeId: string;
  sizeGib: number;
}): Promise<ShareLocation> {
  const what = `make the copy on volume ${copy.volumeId} a file system of its own`;
  return renewFileSystem.executeWithOptions(step(what), [copy]);
}

/**
 * Takes a place on the network's first service instance that has one, setting it up if need be; without a network, on
 * the backend's one server.
 */
async function joinAnInstance(
  { id: shareId, backend, sizeGib }: ShareRequest,
  shareNetwork: ShareNetwork | null,
  onFailure: OnFailure,
): Promise<ServiceInstance> {
  for (let ordinal = 0; ; ordinal += 1) {
    const instanceId = shareNetwork
      ? serviceInstanceId(backend, shareNetwork.id, ordinal)
      : commonInstanceId(backend);
    onFailure(() => leaveServiceInstance({ backend, instanceId, shareId }));
    const joined = await joinServiceInstance.executeWithOptions(
      waitingStep(`join service instance ${instanceId}`),
      [{ backend, instanceId, shareNetwork, shareId, sizeGib }],
    );
    if ('full' in joined) {
      if (shareNetwork) continue;
      throw ApplicationFailure.nonRetryable(
        `Service instance ${instanceId} has no place left for share ${shareId}, and backend ${backend} has no other server: delete a share there, raise max_shares_per_share_server, or use another backend`,
        'InstanceFull',
      );
    }
    const { parent } = workflowInfo();
    if (parent) {
      await getExternalWorkflowHandle(parent.workflowId).signal(placedSignal, joined.instance);
    }
    return joined.instance;
  }
}
