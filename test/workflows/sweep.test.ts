import { ApplicationFailure } from '@temporalio/common';
import { WorkflowFailedError } from '@temporalio/client';
import { expect, test } from 'vitest';
import { taskQueue } from '../../workflows/model.js';
import type { Orphan, SweepReport } from '../../workflows/sweep-model.js';
import type { sweep, SweepInput } from '../../workflows/sweep.js';
import { createRig, type Rig, type Steps } from '../support/workflows.js';

const run = (rig: Rig, changes: Partial<SweepInput> = {}): Promise<SweepReport> =>
  rig.client.workflow.execute<typeof sweep>('sweep', {
    workflowId: `sweep-${rig.backend}`,
    taskQueue: taskQueue(rig.backend),
    args: [
      {
        backend: rig.backend,
        remove: false,
        graceSeconds: null,
        evenIfNothingLives: false,
        evenIfUnknown: false,
        ...changes,
      },
    ],
  });

const orphan = (changes: Partial<Orphan> = {}): Orphan => ({
  kind: 'volume',
  id: 'v1',
  name: 'manila-share-s1',
  mark: 'hawser:share_id=s1',
  owner: 'share s1',
  why: 'share s1 is gone',
  createdAt: null,
  since: null,
  sizeGib: 2,
  serverId: null,
  young: false,
  keep: null,
  ...changes,
});

const instance = { status: 'active', shares: 1, maxShares: 26 };

/** Three instances, one of which is in error and does not answer, and an orphan of each kind of end. */
const steps = (removed: string[]): Steps => ({
  listInventory: async () => ({
    shares: [],
    instances: [
      { ...instance, id: 'i1' },
      { ...instance, id: 'i2' },
      { ...instance, id: 'dead', status: 'error' },
      { ...instance, id: 'new', status: 'creating' },
      { ...instance, id: 'going', status: 'deleting' },
    ],
  }),
  findInstanceHost: async ({ backend, instanceId }) => ({
    backend,
    instanceId,
    serverId: `server-${instanceId}`,
    address: instanceId,
    hostKey: 'k',
  }),
  findOrphans: async ({ graceSeconds }) => ({
    graceSeconds: graceSeconds ?? 3600,
    orphans: [
      orphan({ kind: 'subnet', id: 'n1', sizeGib: null }),
      orphan({ serverId: 'server-i2' }),
      orphan({ id: 'v2', young: true }),
      orphan({ id: 'v3', keep: 'it was there before' }),
      orphan({ kind: 'server', id: 'stuck', sizeGib: null }),
    ],
  }),
  findLeftovers: async ({ host }) => {
    if (host.instanceId === 'dead') {
      throw ApplicationFailure.nonRetryable('10.0.0.5 did not answer', 'HostUnreachable');
    }
    if (host.instanceId === 'i2') return [];
    return [orphan({ kind: 'leftovers', id: 'i1/s1', sizeGib: null })];
  },
  removeOrphan: async ({ orphan: { id }, host }) => {
    removed.push(`${id} with ${host?.serverId ?? 'none'}`);
    if (id === 'stuck') throw ApplicationFailure.nonRetryable('it is locked', 'ServerFailed');
    return id === 'n1' ? 'inUse' : 'removed';
  },
});

const states = ({ orphans }: SweepReport) =>
  orphans.map(({ id, state, detail }) => `${id} ${state}${detail === null ? '' : `: ${detail}`}`);

test('a look removes nothing, and names what it could not look at', async () => {
  const removed: string[] = [];
  const rig = await createRig(steps(removed));
  await rig.run(async () => {
    const report = await run(rig);
    expect(report).toMatchObject({ backend: rig.backend, graceSeconds: 3600, removes: false });
    expect(states(report)).toEqual([
      'i1/s1 found',
      'stuck found',
      'v1 found',
      'v2 young',
      'v3 kept: it was there before',
      'n1 found',
    ]);
    expect(report.problems).toEqual([
      'Service instance dead was not looked at: 10.0.0.5 did not answer',
    ]);
  });
  expect(removed).toEqual([]);
});

test('what is old enough and nobody keeps is removed, guests first, and what fails delays nothing', async () => {
  const removed: string[] = [];
  const rig = await createRig(steps(removed));
  await rig.run(async () => {
    const report = await run(rig, { remove: true, graceSeconds: 60 });
    expect(report).toMatchObject({ graceSeconds: 60, removes: true });
    expect(states(report)).toEqual([
      'i1/s1 removed',
      'stuck failed: it is locked',
      'v1 removed',
      'v2 young',
      'v3 kept: it was there before',
      'n1 kept: it is in use again',
    ]);
  });
  expect(removed).toEqual([
    'i1/s1 with server-i1',
    'stuck with none',
    'v1 with server-i2',
    'n1 with none',
  ]);
});

test('where nothing lives nothing is removed, unless that is said to be right', async () => {
  const removed: string[] = [];
  const empty = { ...steps(removed), listInventory: async () => ({ shares: [], instances: [] }) };
  const rig = await createRig(empty);
  await rig.run(async () => {
    const error = await run(rig, { remove: true }).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(WorkflowFailedError);
    expect(String((error as WorkflowFailedError).cause)).toContain('Nothing was removed');
    expect(removed).toEqual([]);
    expect(states(await run(rig))).toContain('v1 found');
    const report = await run(rig, { remove: true, evenIfNothingLives: true });
    expect(states(report)).toContain('v1 removed');
  });
});
