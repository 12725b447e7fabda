import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { InstanceHost, RebootType } from '../../workflows/model.js';
import {
  attachShare,
  bootInstance,
  bootServer,
  failureOf,
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

const seenSoFar = async () => bench.steps.listReboots(host);
const ask = async (type: RebootType, seen: string[]) =>
  bench.steps.rebootServer({ ...host, type, seen });
const act = async (action: object) => {
  const { nova } = await rig.devcloud.as('hawser');
  await nova('POST', `/servers/${host.serverId}/action`, action);
};
const status = async () => (await rig.operator.compute.getServer(host.serverId)).status;

test.each(['SOFT', 'HARD'] as const)(
  'a %s reboot is asked for once, however often the step is tried, and another boot follows',
  async (type) => {
    const before = await bench.steps.readBootId({ host });
    expect(await bench.steps.readBootId({ host })).toBe(before);
    const seen = await seenSoFar();
    await ask(type, seen);
    await ask(type, seen);
    await bench.steps.waitForReboot(host);
    await ask(type, seen);
    expect(await seenSoFar()).toHaveLength(seen.length + 1);
    const after = await bench.steps.waitForBoot({ host, before });
    expect(after).not.toBe(before);
    await bench.steps.waitForReboot(host);
    expect(await bench.steps.waitForBoot({ host, before })).toBe(after);
    expect(await bench.steps.readBootId({ host })).toBe(after);
  },
);

test('a request whose answer was lost is not made again', async () => {
  const seen = await seenSoFar();
  await rig.planFault({ operation: 'server.reboot' }, { reset: true, after: true });
  expect(await failureOf(ask('HARD', seen))).toMatchObject({ type: 'CloudUnreachable' });
  await bench.retried.rebootServer({ ...host, type: 'HARD', seen });
  expect(await seenSoFar()).toHaveLength(seen.length + 1);
  await bench.steps.waitForReboot(host);
});

test('a server that is off can only be rebooted hard', async () => {
  await act({ 'os-stop': null });
  await expect.poll(status).toBe('SHUTOFF');
  const seen = await seenSoFar();
  const failure = await failureOf(ask('SOFT', seen));
  expect(failure).toMatchObject({ type: 'ServerFailed', nonRetryable: true });
  expect(failure.message).toMatch(/SHUTOFF.*hawser instance reboot i --hard/);
  await ask('HARD', seen);
  await bench.steps.waitForReboot(host);
  await bench.steps.waitForBoot({ host, before: null });
});

test('a soft reboot that does not end fails with what to do, and a hard one ends it', async () => {
  const hasty = await rig.addBackend({ max_time_to_build_instance: 1 });
  await rig.devcloud.control('PUT', '/latencies', { 'server.reboot': 60_000 });
  await ask('SOFT', await seenSoFar());
  const failure = await failureOf(hasty.steps.waitForReboot({ ...host, backend: hasty.backend }));
  expect(failure).toMatchObject({ type: 'ServerFailed', nonRetryable: true });
  expect(failure.message).toMatch(/still REBOOT rebooting after 1 s.*reboot i --hard/);
  await rig.devcloud.control('PUT', '/latencies', { 'server.reboot': 10 });
  await ask('HARD', await seenSoFar());
  await bench.steps.waitForReboot(host);
  await bench.steps.waitForSsh({ host });
});

test('a guest that goes on as before has not been rebooted', async () => {
  const hasty = await rig.addBackend({ max_time_to_build_instance: 1 });
  const before = await bench.steps.readBootId({ host });
  const failure = await failureOf(
    hasty.steps.waitForBoot({ host: { ...host, backend: hasty.backend }, before }),
  );
  expect(failure).toMatchObject({ type: 'SshUnreachable', nonRetryable: true });
  expect(failure.message).toMatch(/still running as before.*--hard/);
});

test('a reboot that ends in ERROR fails with the reason, at once', async () => {
  const { nova } = await rig.devcloud.as('hawser');
  await nova('POST', `/servers/${host.serverId}/action`, { 'os-resetState': { state: 'error' } });
  const failure = await failureOf(bench.steps.waitForReboot(host));
  expect(failure).toMatchObject({ type: 'ServerFailed', nonRetryable: true });
  await ask('HARD', await seenSoFar());
  await bench.steps.waitForReboot(host);
  await bench.steps.waitForSsh({ host });
});

test('a server is required to be there and ACTIVE, and anything else is named', async () => {
  await bench.steps.requireServer(host);
  await act({ 'os-stop': null });
  await expect.poll(status).toBe('SHUTOFF');
  expect(await failureOf(bench.steps.requireServer(host))).toMatchObject({
    type: 'ServerFailed',
    message: expect.stringMatching(/is SHUTOFF.*reboot i --hard/),
  });
  await act({ 'os-start': null });
  await expect.poll(status).toBe('ACTIVE');
  await bench.steps.waitForSsh({ host });
  const gone = await bootServer(bench, await rig.addShareNetwork(bench, '10.21.0.0/24'), 'gone');
  await bench.steps.deleteServer({ backend: bench.backend, instanceId: 'gone' });
  expect(await failureOf(bench.steps.requireServer(gone))).toMatchObject({
    type: 'ServerFailed',
    message: expect.stringContaining(`${gone.serverId} of service instance gone is gone`),
  });
});

test('a server that is just being rebooted is asked for again', async () => {
  await rig.devcloud.control('PUT', '/latencies', { 'server.reboot': 3000 });
  await ask('HARD', await seenSoFar());
  await expect.poll(status).toBe('HARD_REBOOT');
  expect(await failureOf(bench.steps.requireServer(host))).toMatchObject({
    type: 'ServerFailed',
    nonRetryable: false,
    message: expect.stringContaining('is being rebooted'),
  });
  await bench.steps.waitForReboot(host);
  await bench.steps.waitForSsh({ host });
});

test('one look at a host that is off fails for now, and in time for somebody who waits', async () => {
  await bench.steps.logIn({ host });
  await act({ 'os-stop': null });
  await expect.poll(status).toBe('SHUTOFF');
  expect(await failureOf(bench.steps.logIn({ host }))).toMatchObject({
    type: 'HostUnreachable',
    nonRetryable: false,
  });
  await act({ 'os-start': null });
  await bench.steps.waitForSsh({ host });
});

test('a volume is required to be there and free or ours, and anything else is named', async () => {
  const { backend, steps } = bench;
  const { serverId } = host;
  const { volumeId } = await attachShare(bench, host, 'v');
  const require = async (changes: { serverId?: string; volumeId?: string } = {}) =>
    steps.requireVolume({ backend, shareId: 'v', volumeId, serverId, ...changes });
  const refused = async (changes?: { serverId?: string; volumeId?: string }) =>
    failureOf(require(changes));
  await require();
  expect(await refused({ serverId: 'another' })).toMatchObject({
    type: 'VolumeFailed',
    nonRetryable: true,
    message: expect.stringContaining(`attached to server ${serverId}, not to another`),
  });
  await steps.detachVolume({ backend, serverId, volumeId });
  await require();
  const { cinder } = await rig.devcloud.as('hawser');
  await cinder('POST', `/volumes/${volumeId}/action`, { 'os-reset_status': { status: 'error' } });
  expect((await refused()).message).toContain('is error in Cinder');
  await steps.deleteVolume({ backend, shareId: 'v' });
  expect((await refused()).message).toContain('is gone, and its data with it');
});
