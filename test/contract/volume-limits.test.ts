import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { connectAs, eventually, newName, undoAfterAll } from './clouds.js';
import { discardVolume } from './discard.js';
import { setQuota } from './quotas.js';
import { makeThrowAwayProject, type ThrowAwayProject } from './throw-away-project.js';

const admin = connectAs('admin');
const later = undoAfterAll();
let throwAway: ThrowAwayProject;
beforeAll(async () => {
  throwAway = await makeThrowAwayProject(admin, later);
});

async function availableVolume() {
  const { blockStorage } = throwAway.cloud;
  const spec = { name: newName('volume'), sizeGib: 1, metadata: {} };
  const { id } = await blockStorage.createVolume(spec);
  onTestFinished(() => discardVolume(blockStorage, id));
  await eventually(async () => (await blockStorage.findVolume(id))?.status).toBe('available');
  return blockStorage.getVolume(id);
}

test("a project is told its volumes' quota and what of it is taken", async () => {
  const { cloud, projectId } = throwAway;
  await setQuota(admin, { service: 'volume', projectId, limits: { volumes: 5, gigabytes: 7 } });
  const unused = { maxVolumes: 5, volumesUsed: 0, maxGib: 7, gibUsed: 0 };
  expect(await cloud.blockStorage.getLimits()).toEqual(unused);
  await availableVolume();
  const used = { ...unused, volumesUsed: 1, gibUsed: 1 };
  expect(await cloud.blockStorage.getLimits()).toEqual(used);
  await setQuota(admin, { service: 'volume', projectId, limits: { volumes: -1, gigabytes: -1 } });
  const unlimited = { ...used, maxVolumes: null, maxGib: null };
  expect(await cloud.blockStorage.getLimits()).toEqual(unlimited);
});

test('a volume is in one of the availability zones that are listed', async () => {
  const { availabilityZone } = await availableVolume();
  const zones = await throwAway.cloud.blockStorage.listAvailabilityZones();
  expect(zones).toContainEqual({ name: availabilityZone, available: true });
});
