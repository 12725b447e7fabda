import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { newLocation } from '../../activities/share-paths.js';
import type { InstanceHost } from '../../workflows/model.js';
import {
  bootInstance,
  failureOf,
  mountShare,
  startActivityRig,
  type ActivityRig,
  type Bench,
} from '../support/activities.js';

let rig: ActivityRig;
let bench: Bench;
let host: InstanceHost;
let on: { host: InstanceHost; shareId: string };
let next = 0;

beforeAll(async () => {
  rig = await startActivityRig();
  ({ bench, host } = await bootInstance(rig));
});
afterAll(() => rig?.stop());

beforeEach(async () => {
  next += 1;
  on = { host, shareId: `s${next}` };
  await mountShare(bench, host, on.shareId);
});

const path = () => newLocation(bench.options, on.shareId).path;
const fsfreeze = (option: string) => bench.onHost(host, 'fsfreeze "$1" "$r$2"', option, path());

/** What a simulated kernel knows of the mount. */
const isFrozen = async () => {
  const script = 'cat "${r%/*}"/kernel/mounts/*';
  const mounts = (await bench.onHost(host, script)).split('\n');
  return mounts.find((line) => line.includes(`\t${path()}\t`))?.endsWith('\tfrozen');
};

/** The same instance, for a worker whose configuration holds writers up for one second only. */
async function hasty() {
  const other = await rig.addBackend({ max_time_to_freeze: 1 });
  return { steps: other.steps, host: { ...host, backend: other.backend } };
}

test('writers are held up until the thaw, and doing either twice is harmless', async () => {
  const hold = { ...on, hold: 'h' };
  await bench.steps.freezeFileSystem(hold);
  expect(await isFrozen()).toBe(true);
  await bench.steps.freezeFileSystem(hold);
  expect(await isFrozen()).toBe(true);
  expect(await bench.steps.thawFileSystem(hold)).toEqual({ heldUntilNow: true });
  expect(await isFrozen()).toBe(false);
  expect(await bench.steps.thawFileSystem(hold)).toEqual({ heldUntilNow: true });
});

test('the instance lets go by itself when nobody does, and the thaw says so', async () => {
  const { steps, host: there } = await hasty();
  const hold = { ...on, host: there, hold: 'h' };
  await steps.freezeFileSystem(hold);
  expect(await isFrozen()).toBe(true);
  await expect.poll(isFrozen, { timeout: 20_000 }).toBe(false);
  expect(await steps.thawFileSystem(hold)).toEqual({ heldUntilNow: false });
  expect(await steps.thawFileSystem(hold)).toEqual({ heldUntilNow: false });
});

test('a later freeze is not ended by an earlier one, neither by its thaw nor by its watchdog', async () => {
  const early = await hasty();
  await early.steps.freezeFileSystem({ ...on, host: early.host, hold: 'early' });
  await bench.steps.freezeFileSystem({ ...on, hold: 'late' });
  expect(await bench.steps.thawFileSystem({ ...on, hold: 'early' })).toEqual({
    heldUntilNow: false,
  });
  await sleep(3000);
  expect(await isFrozen()).toBe(true);
  expect(await bench.steps.thawFileSystem({ ...on, hold: 'late' })).toEqual({ heldUntilNow: true });
});

test('a thaw without a freeze, or after a reboot, holds nobody and claims nothing', async () => {
  expect(await bench.steps.thawFileSystem({ ...on, hold: 'h' })).toEqual({ heldUntilNow: false });
  await bench.steps.freezeFileSystem({ ...on, hold: 'h' });
  // As after a reboot: nothing is frozen, whatever is written somewhere.
  await fsfreeze('--unfreeze');
  expect(await bench.steps.thawFileSystem({ ...on, hold: 'h' })).toEqual({ heldUntilNow: false });
});

test("somebody else's freeze is neither taken over nor ended", async () => {
  await fsfreeze('--freeze');
  const failure = await failureOf(bench.steps.freezeFileSystem({ ...on, hold: 'h' }));
  expect(failure).toMatchObject({ type: 'CommandFailed' });
  expect(await bench.steps.thawFileSystem({ ...on, hold: 'h' })).toEqual({ heldUntilNow: false });
  expect(await isFrozen()).toBe(true);
  await fsfreeze('--unfreeze');
});

test('a share that is not mounted is not frozen, and the failure names it', async () => {
  await bench.steps.unmountShare(on);
  const failure = await failureOf(bench.steps.freezeFileSystem({ ...on, hold: 'h' }));
  expect(failure.message).toContain(`${path()} is not mounted`);
});

test('nothing that was noted of a freeze outlasts the share, not even by its watchdog', async () => {
  const { steps, host: there } = await hasty();
  const notes = () => bench.onHost(host, 'ls "$r/run/lock"');
  const gone = [
    () => bench.steps.unmountShare(on),
    () => bench.steps.releaseShare({ host, shareId: on.shareId }),
  ];
  for (const letGo of gone) {
    await mountShare(bench, host, on.shareId);
    await steps.freezeFileSystem({ ...on, host: there, hold: 'h' });
    expect(await notes()).toContain(`hawser-freeze-${on.shareId}`);
    await steps.thawFileSystem({ ...on, host: there, hold: 'h' });
    await letGo();
    expect(await notes()).not.toContain(`hawser-freeze-${on.shareId}`);
    await sleep(1500);
    expect(await notes()).not.toContain(`hawser-freeze-${on.shareId}`);
  }
});
