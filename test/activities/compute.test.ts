import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { listResources } from '../../dev/resources.js';
import { IMAGE_PASSWORD } from '../../devcloud/hosts/commands/ssh-server.js';
import { generateHostKey } from '../../ssh/host-key.js';
import type { ShareNetwork } from '../../workflows/model.js';
import {
  attachShare,
  bootServer,
  failureOf,
  startActivityRig,
  type ActivityRig,
  type Bench,
} from '../support/activities.js';

let rig: ActivityRig;
let bench: Bench;
let shareNetwork: ShareNetwork;
let images: { imageId: string; flavorId: string };
let ref: { backend: string; instanceId: string };
let next = 0;

beforeAll(async () => {
  rig = await startActivityRig();
  bench = await rig.addBackend();
  shareNetwork = await rig.addShareNetwork(bench);
  images = await bench.steps.resolveImageAndFlavor(bench);
});
afterAll(() => rig?.stop());

beforeEach(() => {
  next += 1;
  ref = { backend: bench.backend, instanceId: `instance-${next}` };
});
afterEach(async () => {
  await rig.devcloud.reset();
  await bench.retried.deleteServer(ref);
  await bench.steps.deleteServerPort(ref);
});

const serverSpec = async () => {
  const { portIds } = await bench.steps.ensureServerPort({ ...ref, shareNetwork });
  return { ...ref, ...images, portIds };
};

const servers = async () =>
  (await rig.operator.compute.listServers()).filter(({ name }) => name.endsWith(ref.instanceId));

const keyName = () => `${bench.options.manila_service_keypair_name}-${ref.instanceId}`;
const keypair = () => rig.operator.compute.findKeypair(keyName());

describe("an instance's server", () => {
  test('is booted once, with one host key and the key that opens it', async () => {
    const spec = await serverSpec();
    const first = await bench.steps.ensureServer(spec);
    expect(await bench.steps.ensureServer(spec)).toEqual(first);
    const [server, ...others] = await servers();
    expect(others).toEqual([]);
    expect(server).toMatchObject({
      id: first.serverId,
      keyName: keyName(),
      metadata: { 'hawser:instance_id': ref.instanceId, 'hawser:host_key': first.hostKey },
    });
    expect(first.hostKey).toMatch(/^ssh-ed25519 /);
    expect((await keypair())?.publicKey).toBe(bench.publicKey);
    await bench.steps.waitForServer({ ...ref, ...first });
    expect(await servers()).toMatchObject([{ status: 'ACTIVE' }]);
    expect(await rig.operator.network.getPort(spec.portIds[0] ?? '')).toMatchObject({
      deviceId: first.serverId,
    });
  });

  test('is found again after the answer to its creation was lost', async () => {
    const spec = await serverSpec();
    await rig.planFault({ operation: 'server.create' }, { reset: true, after: true });
    expect(await failureOf(bench.steps.ensureServer(spec))).toMatchObject({
      type: 'CloudUnreachable',
      nonRetryable: false,
    });
    const [left] = await servers();
    const { serverId, hostKey } = await bench.steps.ensureServer(spec);
    expect(serverId).toBe(left?.id);
    expect(hostKey).toBe(left?.metadata['hawser:host_key']);
    expect(await servers()).toHaveLength(1);
  });

  test('is one when two ask for it at once', async () => {
    const spec = await serverSpec();
    const [one, two] = await Promise.all([
      bench.retried.ensureServer(spec),
      bench.retried.ensureServer(spec),
    ]);
    expect(one).toEqual(two);
    expect(await servers()).toMatchObject([{ id: one.serverId }]);
  });

  test('gets its key pair replaced when that holds another key', async () => {
    const other = generateHostKey().publicKey;
    await rig.operator.compute.createKeypair({ name: keyName(), publicKey: other });
    await bench.steps.ensureServer(await serverSpec());
    expect((await keypair())?.publicKey).toBe(bench.publicKey);
  });

  test('has no key pair where a password opens it, and lets us in with that', async () => {
    const password = IMAGE_PASSWORD;
    const open = await rig.addBackend({
      path_to_private_key: undefined,
      path_to_public_key: undefined,
      service_instance_password: password,
    });
    const own = { backend: open.backend, instanceId: `open-${next}` };
    const theirs = await rig.addShareNetwork(open);
    const host = await bootServer(open, theirs, own.instanceId);
    const server = await rig.operator.compute.getServer(host.serverId);
    expect(server).toMatchObject({ status: 'ACTIVE', keyName: null });
    await open.steps.waitForSsh({ host });
    expect(JSON.stringify(open.options)).not.toContain(password);
    await open.retried.deleteServer(own);
    await open.steps.deleteServerPort(own);
  });

  test('that ends in ERROR fails for good, with what Nova says', async () => {
    const spec = await serverSpec();
    const message = 'No valid host was found.';
    await rig.planFault({ operation: 'server.create' }, { outcome: 'ERROR', message });
    const server = await bench.steps.ensureServer(spec);
    const failure = await failureOf(bench.steps.waitForServer({ ...ref, ...server }));
    expect(failure).toMatchObject({ type: 'ServerFailed', nonRetryable: true });
    expect(failure.message).toContain(server.serverId);
    expect(failure.message).toContain(message);
    expect(await servers()).toMatchObject([{ status: 'ERROR' }]);
  });

  test('that takes too long fails for good', async () => {
    const hasty = await rig.addBackend({ max_time_to_build_instance: 1 });
    const spec = await serverSpec();
    await rig.devcloud.control('PUT', '/latencies', { 'server.create': 5000 });
    const server = await bench.steps.ensureServer(spec);
    const failure = await failureOf(
      hasty.steps.waitForServer({ ...ref, ...server, backend: hasty.backend }),
    );
    expect(failure).toMatchObject({ type: 'ServerFailed', nonRetryable: true });
    expect(failure.message).toContain('still BUILD');
  });

  test('exists until it is deleted with its key pair, which twice is harmless', async () => {
    const { serverId } = await bench.steps.ensureServer(await serverSpec());
    const server = { backend: bench.backend, serverId };
    expect(await bench.steps.serverExists(server)).toBe(true);
    await bench.steps.deleteServer(ref);
    expect((await listResources(rig.operator)).servers).toEqual([]);
    expect(await keypair()).toBeUndefined();
    expect(await bench.steps.serverExists(server)).toBe(false);
    await bench.steps.deleteServer(ref);
  });

  test('that Nova keeps for a while after its deletion counts as gone', async () => {
    await rig.devcloud.control('PUT', '/settings', { softDelete: 1 });
    const { portIds, ...addresses } = await bench.steps.ensureServerPort({ ...ref, shareNetwork });
    const first = await bench.steps.ensureServer({ ...ref, ...images, portIds });
    const host = { ...ref, ...addresses, ...first };
    await bench.steps.waitForServer(host);
    const share = await attachShare(bench, host, `on-${ref.instanceId}`);
    await rig.operator.compute.deleteServer(first.serverId);
    await expect
      .poll(async () => (await rig.operator.compute.getServer(first.serverId)).status)
      .toBe('SOFT_DELETED');

    const { steps } = bench;
    for (const step of [
      steps.requireServer(host),
      steps.waitForServer(host),
      steps.waitForReboot(host),
      steps.rebootServer({ ...host, type: 'HARD', seen: [] }),
    ]) {
      expect(await failureOf(step)).toMatchObject({
        type: 'ServerFailed',
        nonRetryable: true,
        message: expect.stringContaining('is gone') as string,
      });
    }
    await bench.steps.applyNfsExports({ host, shareId: share.shareId, rules: [], forGood: true });
    await bench.steps.unmountShare({ host, shareId: share.shareId });
    expect(await bench.steps.serverExists(host)).toBe(false);
    await bench.steps.deleteVolume({ ...ref, ...share });
    expect(await rig.operator.blockStorage.findVolume(share.volumeId)).toBeUndefined();

    await bench.steps.deleteServer(ref);
    await bench.steps.deleteServerPort(ref);
    const second = await bench.steps.ensureServer(await serverSpec());
    expect(second.serverId).not.toBe(first.serverId);
  });

  test('of another instance stays, though its id begins alike', async () => {
    await bench.steps.ensureServer(await serverSpec());
    const mine = ref;
    ref = { ...mine, instanceId: `${mine.instanceId}-0` };
    const { serverId } = await bench.steps.ensureServer(await serverSpec());
    await bench.steps.deleteServer(mine);
    await bench.steps.deleteServerPort(mine);
    expect(await servers()).toMatchObject([{ id: serverId }]);
    expect(await keypair()).toBeDefined();
  });

  test('whose delete Nova refuses for the moment is deleted by a later attempt', async () => {
    await bench.steps.ensureServer(await serverSpec());
    await rig.planFault({ operation: 'server.delete' }, { status: 503 });
    expect(await failureOf(bench.steps.deleteServer(ref))).toMatchObject({ nonRetryable: false });
    expect(await servers()).toHaveLength(1);
    await bench.steps.deleteServer(ref);
    expect(await servers()).toEqual([]);
  });
});
