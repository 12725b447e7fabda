import { afterAll, beforeAll, expect, test } from 'vitest';
import { attachShare, bootInstance, logged, startActivityRig } from '../support/activities.js';
import type { ActivityRig, Bench } from '../support/activities.js';
import type { InstanceHost } from '../../workflows/model.js';
import type { Answer, Speaker } from '../devcloud/test-cloud.js';

let rig: ActivityRig;
let bench: Bench;
let host: InstanceHost;
let hawser: Speaker;

beforeAll(async () => {
  rig = await startActivityRig();
  ({ bench, host } = await bootInstance(rig));
  hawser = await rig.devcloud.as('hawser');
});
afterAll(() => rig?.stop());

/** For a while the cloud shows something in a status that nobody has heard of. */
async function showOdd(path: string, shown: Answer): Promise<void> {
  const text = shown.text.replace(/"status":"[^"]*"/, '"status":"in-limbo"');
  expect(text).toContain('in-limbo');
  await rig.planFault(
    { method: 'GET', path: `${path}$` },
    { status: 200, body: JSON.parse(text) },
    2,
  );
}

const waitedFor = async (what: RegExp, step: Promise<unknown>) => {
  logged.length = 0;
  await step;
  expect(logged).toContainEqual(expect.stringMatching(what));
};

test("a server's is waited through, and told", async () => {
  const path = `/servers/${host.serverId}`;
  await showOdd(path, await hawser.nova('GET', path));
  await waitedFor(/^Server .* is in-limbo, waiting$/, bench.steps.waitForServer(host));
  await showOdd(path, await hawser.nova('GET', path));
  await waitedFor(/^Server .* is in-limbo, waiting$/, bench.steps.waitForReboot(host));
});

test("a volume's and its snapshot's are waited through, and told", async () => {
  const { shareId, volumeId } = await attachShare(bench, host, 's');
  const ref = { backend: bench.backend, shareId };
  const path = `/volumes/${volumeId}`;
  for (const step of [
    () => bench.steps.settleVolume(ref),
    () => bench.steps.ensureVolume({ ...ref, sizeGib: 1 }),
    () => bench.steps.attachVolume({ ...host, volumeId }),
    () => bench.steps.detachVolume({ ...host, volumeId }),
  ]) {
    await showOdd(path, await hawser.cinder('GET', path));
    await waitedFor(/^Volume .* is in-limbo, waiting$/, step());
  }
  const wanted = { ...ref, snapshotId: 'monday', volumeId };
  const { volumeSnapshotId } = await bench.steps.ensureVolumeSnapshot(wanted);
  const snapshot = `/snapshots/${volumeSnapshotId}`;
  await showOdd(snapshot, await hawser.cinder('GET', snapshot));
  await waitedFor(/^Snapshot .* is in-limbo, waiting$/, bench.steps.ensureVolumeSnapshot(wanted));
});
