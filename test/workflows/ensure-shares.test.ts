import { ApplicationFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { expect, test } from 'vitest';
import { createEnsuringActivities } from '../../activities/ensuring.js';
import type { ensureShares } from '../../workflows/ensure-shares.js';
import { allowAccessUpdate, deleteShareUpdate } from '../../workflows/messages.js';
import {
  serviceInstanceId,
  taskQueue,
  type EnsureReport,
  type ShareOutcome,
} from '../../workflows/model.js';
import { beginShare, makeShare, until, type StoryShare } from '../support/share-stories.js';
import { createRig, placeOf, type Rig } from '../support/workflows.js';

const run = async (rig: Rig, instanceId: string | null = null): Promise<EnsureReport> =>
  rig.client.workflow.execute<typeof ensureShares>('ensureShares', {
    workflowId: `ensureShares-${instanceId ?? rig.backend}`,
    taskQueue: taskQueue(rig.backend),
    args: [{ backend: rig.backend, instanceId }],
  });

/** Lists lag a moment behind. */
const listed = async (rig: Rig, count: number) =>
  until(async () => {
    const query = `WorkflowType = 'share' AND ExecutionStatus = 'Running' AND HawserBackend = '${rig.backend}' AND HawserServiceInstance > ''`;
    return (await rig.client.workflow.count(query)).count === count;
  });

const makeShares = async (rig: Rig, count: number): Promise<StoryShare[]> => {
  const shares: StoryShare[] = [];
  while (shares.length < count) shares.push(await makeShare(rig));
  await listed(rig, count);
  return shares;
};

const ids = (shares: StoryShare[]) => shares.map(({ id }) => id).sort();

test('a backend without shares has nothing to ensure', async () => {
  const rig = await createRig();
  await rig.run(async () => expect(await run(rig)).toEqual({ instances: [] }));
  expect(rig.calls).toEqual([]);
});

test('more shares and instances than a worker has slots for steps are ensured', async () => {
  const rig = await createRig({}, { max_shares_per_share_server: 2 }, 2);
  await rig.run(async () => {
    await makeShares(rig, 6);
    const { instances } = await run(rig);
    expect(instances.flatMap(({ shares }) => shares.map(({ result }) => result))).toEqual(
      Array(6).fill('healthy'),
    );
  });
});

test('each share of each instance is ensured and reported, few at a time on one instance', async () => {
  let atOnce = 0;
  let most = 0;
  let broken: string | undefined;
  const rig = await createRig(
    {
      inspectShare: async ({ shareId }) => {
        atOnce += 1;
        most = Math.max(most, atOnce);
        await new Promise((resolve) => setTimeout(resolve, 100));
        atOnce -= 1;
        if (shareId !== broken) return { drift: [], mounted: true };
        broken = undefined;
        return { drift: ['exports'], mounted: true };
      },
    },
    { max_shares_per_share_server: 6 },
  );
  await rig.run(async () => {
    const shares = await makeShares(rig, 8);
    broken = shares[7]?.id;
    const { instances } = await run(rig);
    expect(instances.map(({ instanceId, problem }) => ({ instanceId, problem }))).toEqual(
      [0, 1].map((at) => ({ instanceId: serviceInstanceId(rig.backend, 's1', at), problem: null })),
    );
    expect(instances[0]?.shares).toEqual(
      ids(shares.slice(0, 6)).map((id) => ({ id, result: 'healthy', details: [] })),
    );
    expect(instances[1]?.shares.find(({ id }) => id === shares[7]?.id)).toEqual({
      id: shares[7]?.id,
      result: 'repaired',
      details: ['exports written again'],
    });
    expect(most).toBeGreaterThan(1);
    expect(most).toBeLessThanOrEqual(8);

    const [one] = instances;
    rig.calls.length = 0;
    const alone = await run(rig, one?.instanceId);
    expect(alone.instances.map(({ instanceId }) => instanceId)).toEqual([one?.instanceId]);
    expect(rig.calls.filter((name) => name === 'inspectShare')).toHaveLength(6);
  });
}, 120_000);

test('a dead instance fails its own shares at once and delays nobody, and all come back with it', async () => {
  let dead = '';
  const rig = await createRig(
    {
      requireServer: async ({ instanceId }) => {
        if (instanceId === dead) {
          throw ApplicationFailure.nonRetryable('Server v1 is SHUTOFF', 'ServerFailed');
        }
      },
    },
    { max_shares_per_share_server: 2 },
  );
  await rig.run(async () => {
    const shares = await makeShares(rig, 4);
    dead = serviceInstanceId(rig.backend, 's1', 0);
    const { instances } = await run(rig);
    expect(instances[0]).toMatchObject({
      instanceId: dead,
      problem: { type: 'InstanceUnhealthy', message: 'Server v1 is SHUTOFF' },
    });
    expect(instances[0]?.shares).toEqual(
      ids(shares.slice(0, 2)).map((id) => ({
        id,
        result: 'failed',
        details: ['Server v1 is SHUTOFF'],
      })),
    );
    expect(instances[1]?.shares.map(({ result }) => result)).toEqual(['healthy', 'healthy']);
    expect(rig.calls.filter((name) => name === 'inspectShare')).toHaveLength(2);
    const statuses = async () =>
      (await Promise.all(shares.map((one) => one.view()))).map(({ status }) => status);
    expect(await statuses()).toEqual(['error', 'error', 'available', 'available']);
    dead = '';
    const again = await run(rig);
    expect(again.instances.every(({ problem }) => problem === null)).toBe(true);
    expect(await statuses()).toEqual(Array(4).fill('available'));
  });
}, 120_000);

test('a step that is repeated while its share still looks gets the answer to its first request', async () => {
  let open = () => {};
  const gate = new Promise<void>((resolve) => (open = resolve));
  const rig = await createRig({
    inspectShare: async () => {
      await gate;
      return { drift: [], mounted: true };
    },
  });
  await rig.run(async () => {
    const [share] = await makeShares(rig, 1);
    const steps = createEnsuringActivities(rig.client);
    const request = {
      shareId: share?.id ?? '',
      whenBusy: 'refuse',
      instanceProblem: null,
    } as const;
    const attemptOf = async (activityId: string): Promise<ShareOutcome> =>
      new MockActivityEnvironment({
        activityId,
        workflowExecution: { workflowId: 'ensureShares', runId: rig.backend },
      }).run(async () => steps.ensureOneShare(request));
    const first = attemptOf('1');
    await until(() => rig.calls.includes('inspectShare'));
    expect((await attemptOf('2')).result).toBe('skipped');
    const second = attemptOf('1');
    open();
    expect((await first).result).toBe('healthy');
    expect((await second).result).toBe('healthy');
  });
  expect(rig.calls.filter((name) => name === 'inspectShare')).toHaveLength(1);
});

test('a share that is being made, changed or deleted is left alone', async () => {
  let open = () => {};
  const gate = new Promise<void>((resolve) => (open = resolve));
  let held = '';
  let closing = '';
  const rig = await createRig({
    formatAndMount: async ({ shareId, volumeId }) => {
      if (shareId === held) await gate;
      return { ...placeOf(shareId), volumeId };
    },
    applyNfsExports: async ({ shareId, rules }) => {
      if (rules.length > 0) await gate;
      return [{ path: `10.254.0.5:/shares/${shareId}`, adminOnly: false }];
    },
    unexportAndUnmount: async ({ shareId }) => {
      if (shareId === closing) await gate;
    },
  });
  await rig.run(async () => {
    const [free, changed, deleted] = await makeShares(rig, 3);
    held = 'made-' + rig.backend;
    closing = deleted?.id ?? '';
    await beginShare(rig, { id: held });
    const allowed = changed?.handle.executeUpdate(allowAccessUpdate, {
      args: [{ id: 'r', to: '10.0.0.1', level: 'rw' }],
    });
    await deleted?.handle.executeUpdate(deleteShareUpdate);
    for (const step of ['formatAndMount', 'applyNfsExports', 'unexportAndUnmount']) {
      await until(() => rig.calls.includes(step));
    }
    await listed(rig, 4);
    const { instances } = await run(rig);
    const outcomes = instances.flatMap(({ shares }) => shares);
    const resultOf = (id?: string) => outcomes.find((one) => one.id === id)?.result;
    expect(resultOf(free?.id)).toBe('healthy');
    expect([held, changed?.id, deleted?.id].map(resultOf)).toEqual(Array(3).fill('skipped'));
    open();
    await allowed;
    await deleted?.handle.result();
  });
}, 120_000);
