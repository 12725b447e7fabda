import { ScheduleNotFoundError } from '@temporalio/client';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { ensureScheduleId, scheduleEnsuring } from '../../worker/ensure-schedule.js';
import { makeShare, until } from '../support/share-stories.js';
import { createRig, type Rig } from '../support/workflows.js';

const warnings: string[] = [];
const log = pino({ level: 'warn' }, { write: (line: string) => void warnings.push(line) });

const schedule = async (rig: Rig, minutes: number) =>
  scheduleEnsuring(rig.client, { name: rig.backend, ensure_shares_interval: minutes }, log);

const handleOf = (rig: Rig) => rig.client.schedule.getHandle(ensureScheduleId(rig.backend));

const runs = async (rig: Rig): Promise<number> => {
  const query = `WorkflowType = 'ensureShares' AND WorkflowId STARTS_WITH 'ensureShares-${rig.backend}' AND HawserBackend = '${rig.backend}'`;
  return (await rig.client.workflow.count(query)).count;
};

test('a worker that starts has all shares ensured, now and at the interval', async () => {
  const rig = await createRig();
  await rig.run(async () => {
    const share = await makeShare(rig);
    await schedule(rig, 90);
    await until(() => rig.calls.includes('inspectShare'));
    const { spec, policies, state } = await handleOf(rig).describe();
    expect(spec.intervals).toMatchObject([{ every: 90 * 60_000 }]);
    expect(policies.overlap).toBe('SKIP');
    expect(state.paused).toBe(false);

    await until(async () => !(await share.view()).operation);
    rig.calls.length = 0;
    await schedule(rig, 30);
    expect((await handleOf(rig).describe()).spec.intervals).toMatchObject([{ every: 30 * 60_000 }]);
    await until(() => rig.calls.includes('inspectShare'));
    await schedule(rig, 0);
  });
  expect(warnings).toEqual([]);
});

test('workers that start at once make one schedule, and the option 0 removes it', async () => {
  const rig = await createRig();
  await rig.run(async () => {
    await Promise.all([1, 2, 3].map(async () => schedule(rig, 60)));
    expect((await handleOf(rig).describe()).spec.intervals).toHaveLength(1);
    await until(async () => (await runs(rig)) >= 1);
    await schedule(rig, 0);
    await schedule(rig, 0);
    await expect(handleOf(rig).describe()).rejects.toThrow(ScheduleNotFoundError);
  });
  expect(warnings).toEqual([]);
});

test('a schedule that an operator paused stays paused, and nothing runs', async () => {
  const rig = await createRig();
  await rig.run(async () => {
    await schedule(rig, 60);
    await until(async () => (await runs(rig)) === 1);
    await handleOf(rig).pause('maintenance');
    await schedule(rig, 45);
    const { state, spec } = await handleOf(rig).describe();
    expect(state).toMatchObject({ paused: true, note: 'maintenance' });
    expect(spec.intervals).toMatchObject([{ every: 45 * 60_000 }]);
    await new Promise((resolve) => setTimeout(resolve, 1000));
    expect(await runs(rig)).toBe(1);
    await schedule(rig, 0);
  });
});
