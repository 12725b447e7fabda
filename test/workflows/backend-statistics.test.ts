import { ApplicationFailure } from '@temporalio/common';
import { expect, test } from 'vitest';
import type { backendStatistics } from '../../workflows/backend-statistics.js';
import { taskQueue } from '../../workflows/model.js';
import { createRig, type Rig, type Steps } from '../support/workflows.js';

const ask = (rig: Rig) =>
  rig.client.workflow.execute<typeof backendStatistics>('backendStatistics', {
    workflowId: `backendStatistics-${rig.backend}`,
    taskQueue: taskQueue(rig.backend),
    args: [{ backend: rig.backend }],
  });

const share = { status: 'available', sizeGib: 2, volumeSizeGib: 2, serviceInstance: 'i1' };
const instance = { status: 'active', shares: 1, maxShares: 26 };

const steps: Steps = {
  describeBackend: async () => ({ share_backend_name: 'b', reserved_percentage: 5 }) as never,
  readVolumeQuota: async () => ({ maxVolumes: 10, volumesUsed: 3, maxGib: 100, gibUsed: 30 }),
  listInventory: async () => ({
    shares: [
      { ...share, id: 's1' },
      { ...share, id: 's2', serviceInstance: 'i2', volumeSizeGib: 5 },
      { ...share, id: 's3', status: 'creating', serviceInstance: null, volumeSizeGib: null },
    ],
    instances: [
      { ...instance, id: 'i1' },
      { ...instance, id: 'i2' },
      { ...instance, id: 'i3', status: 'creating' },
    ],
  }),
  findInstanceHost: async ({ backend, instanceId }) => ({
    backend,
    instanceId,
    serverId: 'v',
    address: instanceId,
    hostKey: 'k',
  }),
  measureUsage: async ({ host }) =>
    host.instanceId === 'i1'
      ? [{ shareId: 's1', totalBytes: 2000, usedBytes: 700, availableBytes: 1300 }]
      : [{ shareId: 's2', totalBytes: 2000, usedBytes: 1, availableBytes: 1999 }],
};

test('what a backend has, what is taken and what is used', async () => {
  const rig = await createRig(steps);
  await rig.run(async () => {
    const said = await ask(rig);
    expect(said).toMatchObject({
      backend: rig.backend,
      capabilities: {
        share_backend_name: 'b',
        reserved_percentage: 5,
        total_capacity_gb: 100,
        free_capacity_gb: 70,
        provisioned_capacity_gb: 6,
        allocated_capacity_gb: 9,
      },
      volumeQuota: { maxGib: 100, gibUsed: 30 },
      usedBytes: 701,
      placesFree: 50,
    });
    expect(said.shares.map(({ id, usage }) => [id, usage?.usedBytes])).toEqual([
      ['s1', 700],
      ['s2', 1],
      ['s3', undefined],
    ]);
    expect(said.instances.map(({ id, placesFree, problem }) => [id, placesFree, problem])).toEqual([
      ['i1', 25, null],
      ['i2', 25, null],
      ['i3', 0, 'it is creating'],
    ]);
    expect(said.problems).toEqual(['Service instance i3 was not asked: it is creating']);
  });
});

test('what does not answer is named, and the rest is told', async () => {
  const dead = async () => {
    throw ApplicationFailure.nonRetryable('10.0.0.5 did not answer within 8 s', 'HostUnreachable');
  };
  const rig = await createRig({
    ...steps,
    readVolumeQuota: async () => {
      throw ApplicationFailure.nonRetryable('Cinder is away', 'CloudUnreachable');
    },
    measureUsage: async (spec) =>
      spec.host.instanceId === 'i2' ? dead() : (steps.measureUsage?.(spec) ?? []),
  });
  await rig.run(async () => {
    const said = await ask(rig);
    expect(said).toMatchObject({
      volumeQuota: null,
      capabilities: { total_capacity_gb: 'unknown', free_capacity_gb: 'unknown' },
      usedBytes: 700,
    });
    expect(said.problems).toEqual([
      "The volumes' quota is not known: Cinder is away",
      'Service instance i2 was not asked: 10.0.0.5 did not answer within 8 s',
      'Service instance i3 was not asked: it is creating',
    ]);
    expect(said.shares.find(({ id }) => id === 's2')?.usage).toBeNull();
  });
});

test('a quota without a limit is infinite', async () => {
  const rig = await createRig({
    ...steps,
    readVolumeQuota: async () => ({ maxVolumes: null, volumesUsed: 3, maxGib: null, gibUsed: 30 }),
  });
  await rig.run(async () => {
    const { capabilities } = await ask(rig);
    expect(capabilities).toMatchObject({
      total_capacity_gb: 'infinite',
      free_capacity_gb: 'infinite',
    });
  });
});
