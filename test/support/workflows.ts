import { randomUUID } from 'node:crypto';
import { Context } from '@temporalio/activity';
import { Client } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { inject } from 'vitest';
import { createPlacementActivities, type PlacementActivities } from '../../activities/placement.js';
import { createEnsuringActivities, type EnsuringActivities } from '../../activities/ensuring.js';
import type { Activities } from '../../activities/index.js';
import type { Backend } from '../../activities/backend.js';
import { taskQueue, waitingTaskQueue } from '../../workflows/model.js';

Runtime.install({ logger: new DefaultLogger('ERROR') });

export interface Rig {
  client: Client;
  backend: string;
  /** Steps in the order in which they were called. */
  calls: string[];
  run<T>(story: () => Promise<T>): Promise<T>;
}

export type Steps = Partial<Omit<Activities, keyof PlacementActivities | keyof EnsuringActivities>>;

/**
 * A worker for the real workflows with fake steps, on a task queue of its own. Joining and leaving a service
 * instance and ensuring others are the real activities, for they speak to Temporal only.
 */
export async function createRig(
  steps: Steps = {},
  options: Partial<Backend['options']> = {},
  /** How many steps at a time; default: the SDK's. */
  slots?: number,
): Promise<Rig> {
  const connection = await NativeConnection.connect({ address: inject('temporalAddress') });
  const client = new Client({ connection });
  const backend = `test-${randomUUID().slice(0, 8)}`;
  const calls: string[] = [];
  const fakes = Object.fromEntries(
    Object.entries({ ...goodSteps, ...steps }).map(([name, step]) => [
      name,
      (...args: unknown[]) => {
        calls.push(name);
        return Reflect.apply(step, undefined, args);
      },
    ]),
  );
  const backends = Object.assign(() => fakeBackend(backend, options), { names: [backend] });
  const placement = createPlacementActivities(backends, client);
  const shared = {
    connection,
    activities: { ...fakes, ...placement, ...createEnsuringActivities(client) },
  };
  const own = taskQueue(backend);
  const worker = await Worker.create({
    ...shared,
    taskQueue: own,
    workflowBundle: { code: inject('workflowCode') },
    ...(slots !== undefined && { maxConcurrentActivityTaskExecutions: slots }),
  });
  const waiting = await Worker.create({ ...shared, taskQueue: waitingTaskQueue(own) });
  return {
    client,
    backend,
    calls,
    run: async (story) => {
      try {
        return await worker.runUntil(waiting.runUntil(story()));
      } finally {
        await connection.close();
      }
    },
  };
}

/** Only what joining an instance reads of a backend. */
function fakeBackend(name: string, options: Partial<Backend['options']>): Backend {
  return {
    name,
    options: {
      driver_handles_share_servers: true,
      max_shares_per_share_server: 26,
      max_share_server_size: -1,
      automatic_share_server_cleanup: false,
      unused_share_server_cleanup_interval: 10,
      delete_share_server_with_last_share: false,
      ...options,
    },
  } as Backend;
}

/** Where a new share will be. */
export const placeOf = (shareId: string) => ({
  path: `/shares/${shareId}`,
  exportName: shareId,
  fileSystem: 'ext4' as const,
});

const goodSteps: Steps = {
  resolveShareHelper: async ({ shareId }) => ({ accessBy: 'ip', place: placeOf(shareId) }),
  resolveShareNetwork: async () => ({ id: 's1', networkId: 'n1', subnetId: 's1', routerId: 'r1' }),
  resolveImageAndFlavor: async () => ({
    imageId: 'i1',
    flavorId: '100',
    adminNetwork: false,
    bootFromVolume: false,
  }),
  ensureServiceNetwork: async () => ({ networkId: 'sn', subnetId: 'ss', cidr: '10.254.0.0/28' }),
  releaseServiceNetwork: async () => {},
  ensureSecurityGroup: async () => ({ securityGroupId: 'sg' }),
  deleteSecurityGroup: async () => {},
  ensureServerPort: async () => ({
    portIds: ['p1'],
    address: '10.254.0.5',
    exportAddress: '10.254.0.5',
    adminAddress: null,
  }),
  deleteServerPort: async () => {},
  ensureServer: async () => ({ serverId: 'v1', hostKey: 'ssh-ed25519 AAAA' }),
  waitForServer: async () => {},
  findCommonServer: async () => ({ serverId: 'c1' }),
  locateCommonServer: async () => ({
    address: '10.0.9.5',
    exportAddress: '10.1.9.5',
    hostKey: 'ssh-ed25519 AAAA',
  }),
  deleteServer: async () => ({ hasBootVolume: false }),
  ensureBootVolume: async () => ({ volumeId: 'boot1', deleteOnTermination: true }),
  removeBootVolume: async () => {},
  serverExists: async () => true,
  waitForSsh: async () => {},
  waitForAddresses: async () => {},
  checkImageRequirements: async () => {},
  inspectExistingShare: async ({ where }) => ({
    path: where,
    device: '/dev/vdb',
    type: 'ext4',
    uuid: 'u1',
    sizeBytes: 3 * 2 ** 30,
    serial: 'vol1',
    exports: ['10.0.0.5(rw,sync,no_root_squash)', '10.0.1.0/24(ro,sync,root_squash)'],
    section: null,
    fstab: [],
    elsewhere: [],
    entries: [],
  }),
  takeOverShare: async () => {},
  giveBackShare: async () => {},
  releaseShare: async () => {},
  findExistingVolume: async () => ({ volumeId: 'vol1', name: 'old', sizeGib: 3, metadata: {} }),
  claimVolume: async () => {},
  restoreVolume: async () => {},
  releaseVolume: async () => {},
  ensureVolume: async () => ({ volumeId: 'vol1', volumeSizeGib: 1 }),
  findVolume: async () => ({ volumeId: 'vol1', volumeSizeGib: 1 }),
  settleVolume: async () => ({ volumeId: 'vol1', volumeSizeGib: 1 }),
  extendVolume: async ({ volumeId, sizeGib }) => ({ volumeId, volumeSizeGib: sizeGib }),
  deleteVolume: async () => {},
  attachVolume: async () => {},
  detachVolume: async () => {},
  formatVolume: async () => {},
  renewFileSystem: async () => ({
    volumeId: 'vol1',
    path: '/shares/x',
    exportName: 'x',
    fileSystem: 'ext4',
  }),
  mountShare: async () => ({
    volumeId: 'vol1',
    path: '/shares/x',
    exportName: 'x',
    fileSystem: 'ext4',
  }),
  formatAndMount: async () => ({
    volumeId: 'vol1',
    path: '/shares/x',
    exportName: 'x',
    fileSystem: 'ext4',
  }),
  mountAndExport: async () => [{ path: '10.254.0.5:/shares/x', adminOnly: false }],
  unexportAndUnmount: async () => {},
  findOtherMount: async () => null,
  unmountShare: async () => {},
  measureShare: async () => ({ sizeBytes: 2 ** 30, overheadBytes: 5e7, usedBytes: 4096 }),
  resizeFileSystem: async () => {},
  inspectShare: async () => ({ drift: [], mounted: true }),
  startFileService: async () => {},
  requireVolume: async () => {},
  requireServer: async () => {},
  logIn: async () => {},
  reportImageRequirements: async () => ({ checks: [] }),
  readBootId: async () => 'boot-1',
  listReboots: async () => ['req-1'],
  rebootServer: async () => {},
  waitForReboot: async () => {},
  waitForBoot: async () => 'boot-2',
  applyNfsExports: async () => [{ path: '10.254.0.5:/shares/x', adminOnly: false }],
  applyCifsShare: async () => [{ path: '\\\\10.254.0.5\\x', adminOnly: false }],
  removeCifsShare: async () => {},
  freezeFileSystem: async () => {},
  thawFileSystem: async () => ({ heldUntilNow: true }),
  ensureVolumeSnapshot: async () => ({ volumeSnapshotId: 'c1' }),
  findVolumeSnapshot: async () => ({ volumeSnapshotId: 'c1', volumeSizeGib: 1 }),
  deleteVolumeSnapshot: async () => {},
  inspectVolumeSnapshot: async () => ({ name: 'before', sizeGib: 1 }),
  markVolumeSnapshot: async () => {},
  unmarkVolumeSnapshot: async () => {},
};

/** A step at work that stops when it is told to, as the real ones do. */
export async function untilCancelled(): Promise<never> {
  const context = Context.current();
  const timer = setInterval(() => context.heartbeat(), 200);
  return context.cancelled.finally(() => clearInterval(timer));
}
