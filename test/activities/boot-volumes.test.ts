import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { request } from 'undici';
import type { ShareNetwork } from '../../workflows/model.js';
import { pick } from '../devcloud/test-cloud.js';
import {
  attachShare,
  failureOf,
  startActivityRig,
  type ActivityRig,
  type Bench,
} from '../support/activities.js';

let rig: ActivityRig;
let shareNetwork: ShareNetwork;
let next = 0;

beforeAll(async () => {
  rig = await startActivityRig();
  await uploadImage();
  shareNetwork = await rig.addShareNetwork(await rig.addBackend());
});
afterAll(() => rig?.stop());
afterEach(() => rig.devcloud.reset());

/** One that is a disk, as the test cloud's own is not. */
async function uploadImage(): Promise<void> {
  const { glance, token } = await rig.devcloud.as('hawser');
  const ask = { name: 'disk', disk_format: 'raw', container_format: 'bare' };
  const id = pick(await glance('POST', '/v2/images', ask), 'id');
  await request(`${rig.devcloud.url}/image/v2/images/${id}/file`, {
    method: 'PUT',
    headers: { 'x-auth-token': token, 'content-type': 'application/octet-stream' },
    body: 'what the machine boots',
  });
}

const fromVolume = {
  service_image_name: 'disk',
  service_instance_boot_from_volume: true,
  service_instance_boot_volume_size: 2,
  // The router of the tenant's network has room for all of them.
  service_network_name: 'of-boot-volumes',
};

let bench: Bench;
let ref: { backend: string; instanceId: string };

/** A backend of its own, and an instance of it that is not there yet. */
async function begin(more: Record<string, unknown> = {}): Promise<void> {
  bench = await rig.addBackend({ ...fromVolume, ...more });
  next += 1;
  ref = { backend: bench.backend, instanceId: `${bench.backend}-${next}` };
}
beforeEach(() => begin());

const ensure = async (steps = bench.steps) => {
  const { imageId } = await steps.resolveImageAndFlavor(bench);
  return steps.ensureBootVolume({ ...ref, imageId });
};

const boot = async () => {
  const { portIds } = await bench.retried.ensureServerPort({ ...ref, shareNetwork });
  const { imageId, flavorId } = await bench.steps.resolveImageAndFlavor(bench);
  const bootVolume = await bench.steps.ensureBootVolume({ ...ref, imageId });
  const server = await bench.steps.ensureServer({ ...ref, imageId, flavorId, portIds, bootVolume });
  await bench.steps.waitForServer({ ...ref, ...server });
  return { ...bootVolume, ...server };
};

const volumes = async (marked = { 'hawser:instance_id': ref.instanceId }) =>
  rig.operator.blockStorage.listVolumes({ metadata: marked });

const gone = async (volumeId: string) =>
  expect.poll(() => rig.operator.blockStorage.findVolume(volumeId)).toBeUndefined();

describe("an instance's boot volume", () => {
  test('is made once from the image, by the name and size that the options give it', async () => {
    const made = await ensure();
    expect(await ensure()).toEqual(made);
    expect(await volumes()).toMatchObject([
      {
        id: made.volumeId,
        name: `manila-share-${ref.instanceId}-boot`,
        sizeGib: 2,
        status: 'available',
      },
    ]);
    await bench.steps.removeBootVolume({ ...ref, evenIfKept: true });
    await bench.steps.removeBootVolume({ ...ref, evenIfKept: true });
    await gone(made.volumeId);
  });

  test('is found again after the answer to its creation was lost, and is one for two at once', async () => {
    await rig.planFault({ operation: 'volume.create' }, { reset: true, after: true });
    await failureOf(ensure());
    const [left] = await volumes();
    const [one, two] = await Promise.all([ensure(bench.retried), ensure(bench.retried)]);
    expect(one).toEqual(two);
    expect(one.volumeId).toBe(left?.id);
    expect(await volumes()).toHaveLength(1);
  });

  test('is a copy of the base volume, at least as large', async () => {
    const [image] = await rig.operator.image.findImages({ name: 'disk' });
    const base = await rig.operator.blockStorage.createVolume({
      name: 'base',
      sizeGib: 3,
      metadata: {},
      imageId: image?.id,
    });
    const statusOf = async (id: string) => (await rig.operator.blockStorage.getVolume(id)).status;
    await expect.poll(() => statusOf(base.id)).toBe('available');
    await begin({
      service_instance_base_boot_volume_id: base.id,
      service_instance_boot_volume_name_template: 'root-of-%s',
    });
    const { serverId, volumeId } = await boot();
    expect(await volumes()).toMatchObject([
      { id: volumeId, name: `root-of-${ref.instanceId}`, sizeGib: 3, status: 'in-use' },
    ]);
    const server = await rig.operator.compute.getServer(serverId);
    expect(server.status).toBe('ACTIVE');
    await bench.retried.deleteServer(ref);
    await gone(volumeId);
    expect(await statusOf(base.id)).toBe('available');
  });

  test('cannot be a copy of a volume that is not there', async () => {
    const missing = '00000000-1111-4222-8333-444444444444';
    await begin({ service_instance_base_boot_volume_id: missing });
    const failure = await failureOf(ensure());
    expect(failure).toMatchObject({ type: 'VolumeFailed', nonRetryable: true });
    expect(failure.message).toContain(missing);
    expect(await volumes()).toEqual([]);
  });

  test('that Cinder cannot make, or not in its time, fails for good and can be removed', async () => {
    await rig.planFault({ operation: 'volume.create' }, { outcome: 'ERROR' });
    const failure = await failureOf(ensure());
    expect(failure).toMatchObject({ type: 'VolumeFailed', nonRetryable: true });
    expect(failure.message).toContain(ref.instanceId);
    await bench.steps.removeBootVolume({ ...ref, evenIfKept: true });
    expect(await volumes()).toEqual([]);

    await begin({ max_time_to_create_volume: 1 });
    await rig.devcloud.control('PUT', '/latencies', { 'volume.create': 5000 });
    const slow = await failureOf(ensure());
    expect(slow).toMatchObject({ type: 'VolumeFailed', nonRetryable: true });
    expect(slow.message).toContain('still creating');
  });

  test('goes with its server, whoever deletes it', async () => {
    const first = await boot();
    expect(await rig.operator.compute.listAttachments(first.serverId)).toMatchObject([
      { volumeId: first.volumeId },
    ]);
    await bench.retried.deleteServer(ref);
    await bench.steps.removeBootVolume({ ...ref, evenIfKept: false });
    await gone(first.volumeId);

    // Made, but the worker died before a server had it.
    const { volumeId } = await ensure();
    expect(await bench.retried.deleteServer(ref)).toEqual({ hasBootVolume: true });
    await bench.steps.removeBootVolume({ ...ref, evenIfKept: false });
    expect(await bench.retried.deleteServer(ref)).toEqual({ hasBootVolume: false });
    await gone(volumeId);
  });

  test('goes with its server, also where Nova keeps that for a while', async () => {
    await rig.devcloud.control('PUT', '/settings', { softDelete: 1 });
    const { volumeId, serverId } = await boot();
    expect(await bench.retried.deleteServer(ref)).toEqual({ hasBootVolume: true });
    expect(await rig.operator.compute.getServer(serverId)).toMatchObject({
      status: 'SOFT_DELETED',
    });
    await bench.steps.removeBootVolume({ ...ref, evenIfKept: false });
    await gone(volumeId);
  });

  test('is kept where it shall be, and is not taken for that of the next instance', async () => {
    await begin({ service_instance_boot_volume_delete_on_termination: false });
    const first = await boot();
    expect(first.deleteOnTermination).toBe(false);
    expect(await bench.retried.deleteServer(ref)).toEqual({ hasBootVolume: true });
    for (const round of ['first', 'second']) {
      await bench.steps.removeBootVolume({ ...ref, evenIfKept: false });
      expect(await volumes(), round).toEqual([]);
      const kept = { 'hawser:kept_boot_volume_of': ref.instanceId };
      expect(await rig.operator.blockStorage.listVolumes({ metadata: kept })).toMatchObject([
        { id: first.volumeId, status: 'available' },
      ]);
    }
    const second = await ensure();
    expect(second.volumeId).not.toBe(first.volumeId);
    await bench.steps.removeBootVolume({ ...ref, evenIfKept: true });
    await gone(second.volumeId);
    expect(await rig.operator.blockStorage.findVolume(first.volumeId)).toBeDefined();
  });

  test('that is to be kept does not keep a server from being swept, and is marked as kept', async () => {
    await begin({ service_instance_boot_volume_delete_on_termination: false });
    const { serverId, volumeId } = await boot();
    const orphan = { kind: 'server' as const, id: serverId };
    const removal = { backend: bench.backend, orphan, host: null, evenIfUnknown: false };
    for (const round of ['first', 'second']) {
      expect(await bench.retried.removeOrphan(removal), round).toBe('removed');
    }
    expect(await rig.operator.compute.findServer(serverId)).toBeUndefined();
    const kept = { 'hawser:kept_boot_volume_of': ref.instanceId };
    expect(await rig.operator.blockStorage.listVolumes({ metadata: kept })).toMatchObject([
      { id: volumeId, status: 'available' },
    ]);
    expect(await volumes()).toEqual([]);
  });

  test('does not keep its server, but the volume of a share beside it does', async () => {
    const { serverId, hostKey } = await boot();
    const host = { ...ref, serverId, address: '', hostKey };
    const { volumeId } = await attachShare(bench, host, `on-${ref.instanceId}`);
    const refused = await failureOf(bench.steps.deleteServer(ref));
    expect(refused).toMatchObject({ type: 'InstanceInUse', nonRetryable: true });
    expect(refused.message).toContain(`and stays: ${volumeId}. `);
    await bench.steps.detachVolume({ ...ref, serverId, volumeId });
    await bench.retried.deleteServer(ref);
  });
});

test('servers and their boot volumes are made in the zone of the backend', async () => {
  await begin({ backend_availability_zone: 'nova', storage_availability_zone: 'elsewhere' });
  const { volumeId } = await boot();
  const { availabilityZone } = await rig.operator.blockStorage.getVolume(volumeId);
  expect(availabilityZone).toBe('nova');

  await begin({ storage_availability_zone: 'elsewhere', service_instance_boot_from_volume: false });
  const { portIds } = await bench.retried.ensureServerPort({ ...ref, shareNetwork });
  const { imageId, flavorId } = await bench.steps.resolveImageAndFlavor(bench);
  const failure = await failureOf(bench.steps.ensureServer({ ...ref, imageId, flavorId, portIds }));
  expect(failure).toMatchObject({ type: 'RequestRefused', nonRetryable: true });
  expect(failure.message).toContain('availability zone');
});
