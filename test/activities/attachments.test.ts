import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { listResources } from '../../dev/resources.js';
import type { InstanceHost } from '../../workflows/model.js';
import {
  bootInstance,
  failureOf,
  startActivityRig,
  type ActivityRig,
  type Bench,
} from '../support/activities.js';

let rig: ActivityRig;
let bench: Bench;
let host: InstanceHost;
let at: { backend: string; serverId: string; volumeId: string };
let next = 0;

beforeAll(async () => {
  rig = await startActivityRig();
  ({ bench, host } = await bootInstance(rig));
});
afterAll(() => rig?.stop());

beforeEach(async () => {
  at = await newVolume();
});
afterEach(() => rig.devcloud.reset());

async function newVolume() {
  next += 1;
  const { backend, serverId } = host;
  const shareId = `share-${next}`;
  return {
    backend,
    serverId,
    ...(await bench.steps.ensureVolume({ backend, shareId, sizeGib: 1 })),
  };
}

const attachments = async () =>
  (await rig.operator.compute.listAttachments(host.serverId)).map(({ volumeId }) => volumeId);
const volume = () => rig.operator.blockStorage.getVolume(at.volumeId);

/** Whether the guest sees the volume's disk. */
const seen = async ({ volumeId }: { volumeId: string }) =>
  (await bench.onHost(host, 'ls "$r/dev/disk/by-id"')).includes(volumeId.slice(0, 20));

test('a volume is attached once and detached once, however often it is asked for', async () => {
  await bench.steps.attachVolume(at);
  await bench.steps.attachVolume(at);
  expect(await attachments()).toEqual([at.volumeId]);
  expect(await volume()).toMatchObject({
    status: 'in-use',
    attachments: [{ serverId: host.serverId }],
  });
  expect(await seen(at)).toBe(true);

  await bench.steps.detachVolume(at);
  await bench.steps.detachVolume(at);
  expect(await attachments()).toEqual([]);
  expect(await volume()).toMatchObject({ status: 'available', attachments: [] });
  expect(await seen(at)).toBe(false);
});

test('a volume whose attachment was not answered is not attached again', async () => {
  await rig.planFault({ operation: 'volume.attach', method: 'POST' }, { reset: true, after: true });
  expect(await failureOf(bench.steps.attachVolume(at))).toMatchObject({
    type: 'CloudUnreachable',
    nonRetryable: false,
  });
  await bench.steps.attachVolume(at);
  const { attachments: made } = await listResources(rig.operator);
  expect(made).toHaveLength(1);
  await bench.steps.detachVolume(at);
});

test('several volumes are attached and detached at once', async () => {
  const others = await Promise.all([newVolume(), newVolume()]);
  const all = [at, ...others];
  await Promise.all(all.map((one) => bench.retried.attachVolume(one)));
  expect((await attachments()).sort()).toEqual(all.map(({ volumeId }) => volumeId).sort());
  for (const one of all) expect(await seen(one)).toBe(true);
  await Promise.all(all.map((one) => bench.retried.detachVolume(one)));
  expect(await attachments()).toEqual([]);
});

test('a volume that is gone counts as detached', async () => {
  await rig.operator.blockStorage.deleteVolume(at.volumeId);
  await expect.poll(() => rig.operator.blockStorage.findVolume(at.volumeId)).toBeUndefined();
  await bench.steps.detachVolume(at);
});

test('a volume of another server is not taken from it', async () => {
  await bench.steps.attachVolume(at);
  const hasty = await rig.addBackend({ max_time_to_attach: 1 });
  const elsewhere = { ...at, backend: hasty.backend, serverId: randomUUID() };
  expect(await failureOf(hasty.steps.detachVolume(elsewhere))).toMatchObject({
    type: 'VolumeFailed',
  });
  expect(await attachments()).toEqual([at.volumeId]);
  await bench.steps.detachVolume(at);
});

test('a server that is busy is waited for', async () => {
  const busy = { status: 409, body: { conflictingRequest: { code: 409, message: 'Busy' } } };
  await rig.planFault({ operation: 'volume.attach', method: 'POST' }, busy, 2);
  expect(await failureOf(bench.steps.attachVolume(at))).toMatchObject({
    type: 'CloudBusy',
    nonRetryable: false,
  });
  await bench.retried.attachVolume(at);
  expect(await attachments()).toEqual([at.volumeId]);

  await rig.planFault({ operation: 'volume.detach', method: 'DELETE' }, busy, 2);
  await bench.steps.detachVolume(at);
  expect(await attachments()).toEqual([]);
});

test('a volume on its way is waited for, not asked for again', async () => {
  await rig.devcloud.slow('volume.attach');
  await rig.devcloud.slow('volume.detach');
  await rig.operator.compute.attachVolume(at.serverId, at.volumeId);
  expect((await volume()).status).not.toBe('in-use');
  await bench.steps.attachVolume(at);
  expect((await volume()).status).toBe('in-use');
  expect(await attachments()).toEqual([at.volumeId]);
  await rig.operator.compute.detachVolume(at.serverId, at.volumeId);
  expect((await volume()).status).toBe('detaching');
  await bench.steps.detachVolume(at);
  expect((await volume()).status).toBe('available');
});

test('a volume that two attempts attach or detach at once is served once', async () => {
  await rig.devcloud.slow('volume.attach');
  await rig.devcloud.slow('volume.detach');
  await Promise.all([bench.steps.attachVolume(at), bench.steps.attachVolume(at)]);
  expect(await attachments()).toEqual([at.volumeId]);
  await Promise.all([bench.steps.detachVolume(at), bench.steps.detachVolume(at)]);
  expect((await volume()).status).toBe('available');
});

test('a volume that goes to error while it is attached fails for good', async () => {
  const { cinder } = await rig.devcloud.as('hawser');
  const status = (word: string) =>
    cinder('POST', `/volumes/${at.volumeId}/action`, { 'os-reset_status': { status: word } });
  await bench.steps.attachVolume(at);
  await status('error');
  const failure = await failureOf(bench.steps.attachVolume(at));
  expect(failure).toMatchObject({ type: 'VolumeFailed', nonRetryable: true });
  expect(failure.message).toContain(at.volumeId);
  await status('in-use');
  await bench.steps.detachVolume(at);
});

test('a volume that stays where it is after its time fails for good', async () => {
  await bench.steps.attachVolume(at);
  const hasty = await rig.addBackend({ max_time_to_attach: 1 });
  await rig.devcloud.control('PUT', '/latencies', { 'volume.detach': 2000 });
  const failure = await failureOf(hasty.steps.detachVolume({ ...at, backend: hasty.backend }));
  expect(failure).toMatchObject({ type: 'VolumeFailed', nonRetryable: true });
  expect(failure.message).toContain('still detaching');
  await bench.steps.detachVolume(at);
});

test('a server with a volume stays, for the volume belongs to a share', async () => {
  await bench.steps.attachVolume(at);
  const failure = await failureOf(bench.steps.deleteServer(host));
  expect(failure).toMatchObject({ type: 'InstanceInUse', nonRetryable: true });
  expect(failure.message).toContain(at.volumeId);
  expect(await rig.operator.compute.getServer(host.serverId)).toMatchObject({ status: 'ACTIVE' });
  expect(await attachments()).toEqual([at.volumeId]);
  await bench.steps.detachVolume(at);
});
