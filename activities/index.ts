import type { Client } from '@temporalio/client';
import type { Backends } from './backend.js';
import { createBlockStorageActivities } from './block-storage.js';
import { createBootVolumeActivities } from './boot-volumes.js';
import { createCifsExportActivities } from './cifs-exports.js';
import { createCommonServerActivities } from './common-server.js';
import { createComputeActivities } from './compute.js';
import { createEnsuringActivities } from './ensuring.js';
import { createExistingShareActivities } from './existing-shares.js';
import { createExistingVolumeActivities } from './existing-volumes.js';
import { createFileSystemActivities } from './file-systems.js';
import { createInspectionActivities } from './inspection.js';
import { createInventoryActivities } from './inventory.js';
import { createNetworkActivities } from './network.js';
import { createNfsExportActivities } from './nfs-exports.js';
import { createPlacementActivities } from './placement.js';
import { createReadinessActivities } from './readiness.js';
import { createShareHelperActivities } from './share-helpers.js';
import { createVolumeSnapshotActivities } from './volume-snapshots.js';
import { createServingActivities } from './serving.js';
import { createStatisticsActivities } from './statistics.js';
import { createSweepActivities } from './sweep.js';

export type Activities = ReturnType<typeof createActivities>;

/** Every step there is, by the name that workflows call it. */
export function createActivities(backends: Backends, temporal: Client) {
  return {
    ...createBlockStorageActivities(backends),
    ...createBootVolumeActivities(backends),
    ...createCifsExportActivities(backends),
    ...createCommonServerActivities(backends),
    ...createComputeActivities(backends),
    ...createEnsuringActivities(temporal),
    ...createExistingShareActivities(backends),
    ...createExistingVolumeActivities(backends),
    ...createFileSystemActivities(backends),
    ...createInspectionActivities(backends),
    ...createNetworkActivities(backends),
    ...createNfsExportActivities(backends),
    ...createPlacementActivities(backends, temporal),
    ...createReadinessActivities(backends),
    ...createServingActivities(backends),
    ...createShareHelperActivities(backends),
    ...createVolumeSnapshotActivities(backends),
    ...createInventoryActivities(temporal),
    ...createStatisticsActivities(backends),
    ...createSweepActivities(backends, temporal),
  };
}
