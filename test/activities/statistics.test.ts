import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { newLocation } from '../../activities/share-paths.js';
import type { InstanceHost } from '../../workflows/model.js';
import {
  bootInstance,
  bootServer,
  failureOf,
  mountShare,
  startActivityRig,
  type ActivityRig,
  type Bench,
} from '../support/activities.js';

let rig: ActivityRig;
let bench: Bench;
let host: InstanceHost;

beforeAll(async () => {
  rig = await startActivityRig();
  ({ bench, host } = await bootInstance(rig));
});
afterAll(() => rig?.stop());
afterEach(() => rig.devcloud.reset());

test('the use of every mounted share is measured by one script, and changes nothing', async () => {
  expect(await bench.steps.measureUsage({ host })).toEqual([]);
  for (const shareId of ['away', 'full', 'empty']) await mountShare(bench, host, shareId);
  // An editor may have left the last line without its newline.
  await bench.onHost(host, 'text=$(cat "$r/etc/fstab"); printf %s "$text" >"$r/etc/fstab"');
  const pathOf = (shareId: string) => newLocation(bench.options, shareId).path;
  await bench.onHost(host, 'head --bytes=3000000 /dev/zero >"$r$1/file"', pathOf('full'));
  await bench.onHost(host, 'umount "$r$1"', pathOf('away'));
  const usage = await bench.steps.measureUsage({ host });
  expect(await bench.steps.measureUsage({ host })).toEqual(usage);
  expect(usage.map(({ shareId }) => shareId).sort()).toEqual(['empty', 'full']);
  const of = (id: string) => usage.find(({ shareId }) => shareId === id);
  const used = (of('full')?.usedBytes ?? 0) - (of('empty')?.usedBytes ?? 0);
  expect(used).toBeGreaterThanOrEqual(3_000_000);
  expect(used).toBeLessThan(3_100_000);
  const { totalBytes = 0, usedBytes = 0, availableBytes = 0 } = of('full') ?? {};
  expect(totalBytes).toBeGreaterThan(0.9 * 2 ** 30);
  expect(totalBytes).toBeLessThanOrEqual(2 ** 30);
  expect(usedBytes + availableBytes).toBeLessThanOrEqual(totalBytes);
});

test('an instance that takes connections and says nothing is given up within seconds', async () => {
  await rig.planFault({ operation: 'server.boot' }, { sshSilent: true });
  const silent = await bootServer(
    bench,
    await rig.addShareNetwork(bench, '10.21.0.0/24'),
    'silent',
  );
  const began = Date.now();
  const failure = await failureOf(bench.steps.measureUsage({ host: silent }));
  expect(failure).toMatchObject({ type: 'HostUnreachable', nonRetryable: true });
  expect(failure.message).toMatch(/10\.254\.\d+\.\d+ did not answer within 8 s/);
  expect(Date.now() - began).toBeLessThan(20_000);
});

test("the volumes' quota is Cinder's", async () => {
  const { backend, steps } = bench;
  const limits = { volumes: 20, gigabytes: 50 };
  await rig.devcloud.control('PUT', '/quotas', { project: 'service', service: 'volume', limits });
  const before = await steps.readVolumeQuota({ backend });
  expect(before).toMatchObject({ maxVolumes: 20, maxGib: 50 });
  await steps.ensureVolume({ backend, shareId: 'counted', sizeGib: 2 });
  expect(await steps.readVolumeQuota({ backend })).toEqual({
    ...before,
    volumesUsed: before.volumesUsed + 1,
    gibUsed: before.gibUsed + 2,
  });
});

test("the configuration's part has Manila's names, and 0 stands for the general reserve", async () => {
  const other = await rig.addBackend({
    share_backend_name: 'GOLD',
    reserved_share_percentage: 10,
    reserved_share_extend_percentage: 3,
    max_over_subscription_ratio: 2.5,
    max_share_server_size: 200,
  });
  expect(await other.steps.describeBackend({ backend: other.backend })).toMatchObject({
    share_backend_name: 'GOLD',
    driver_handles_share_servers: true,
    storage_protocol: 'NFS_CIFS',
    reserved_percentage: 10,
    reserved_snapshot_percentage: 10,
    reserved_share_extend_percentage: 3,
    max_over_subscription_ratio: 2.5,
    max_shares_per_share_server: 26,
    max_share_server_size: 200,
    network_allocations: 0,
  });
  const { share_backend_name } = await bench.steps.describeBackend({ backend: bench.backend });
  expect(share_backend_name).toBe(bench.backend);
});
