import { ScheduleNotFoundError } from '@temporalio/client';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { latestSweep } from '../../client/sweeping.js';
import { scheduleSweeping, sweepScheduleId } from '../../worker/sweep-schedule.js';
import { until } from '../support/share-stories.js';
import { createRig, type Rig } from '../support/workflows.js';

const warnings: string[] = [];
const log = pino({ level: 'warn' }, { write: (line: string) => void warnings.push(line) });

const schedule = async (rig: Rig, minutes: number) =>
  scheduleSweeping(rig.client, { name: rig.backend, sweep_interval: minutes }, log);

test('a backend is looked through at the interval, what was found is remembered, and 0 ends it', async () => {
  let found = 0;
  const rig = await createRig({
    listInventory: async () => ({ shares: [], instances: [] }),
    findOrphans: async () => ({ graceSeconds: 3600 + found, orphans: [] }),
  });
  await rig.run(async () => {
    const handle = rig.client.schedule.getHandle(sweepScheduleId(rig.backend));
    expect(await latestSweep(rig.client, rig.backend)).toBeNull();
    await schedule(rig, 1440);
    const { spec, policies } = await handle.describe();
    expect(spec.intervals).toMatchObject([{ every: 1440 * 60_000 }]);
    expect(policies.overlap).toBe('SKIP');
    // A worker that starts disturbs nobody.
    expect(rig.calls).toEqual([]);

    const latest = async () => (await latestSweep(rig.client, rig.backend))?.graceSeconds;
    for (found = 1; found <= 2; found += 1) {
      await handle.trigger();
      await until(async () => (await latest()) === 3600 + found);
    }
    expect(rig.calls).not.toContain('removeOrphan');

    await schedule(rig, 90);
    expect((await handle.describe()).spec.intervals).toMatchObject([{ every: 90 * 60_000 }]);
    await schedule(rig, 0);
    await expect(handle.describe()).rejects.toThrow(ScheduleNotFoundError);
  });
  expect(warnings).toEqual([]);
});
