import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { InstanceHost } from '../../workflows/model.js';
import {
  bootInstance,
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

afterAll(async () => {
  await rig?.stop();
});

afterEach(async () => {
  await rig.devcloud.reset();
});

/** By its name, as the log of requests has it too. */
const look = { operation: 'ssh.command', path: '^look$' };
const touch = (file: string) =>
  bench.onHost(host, `echo before; touch "$r/tmp/${file}"; echo after`);
const isThere = async (file: string) =>
  (await bench.onHost(host, `[[ ! -e $r/tmp/${file} ]] || echo yes`)) === 'yes\n';

test('commands are in the log of requests, by name and with their exit code', async () => {
  await rig.devcloud.control('DELETE', '/requests');
  await touch('logged');
  await expect(bench.onHost(host, 'exit 3')).rejects.toThrow('exit code 3');
  expect((await rig.devcloud.control('GET', '/requests')).body).toMatchObject({
    requests: [
      { service: 'ssh', operation: 'ssh.command', method: 'RUN', path: 'look', status: 0 },
      { path: 'look', status: 3 },
    ],
  });
});

test('a connection can break before a command runs', async () => {
  await rig.planFault(look, { reset: true });
  await expect(touch('never')).rejects.toThrow('broke during look');
  expect(await isThere('never')).toBe(false);
});

test('a connection can break after a command ran, and its end can be kept back', async () => {
  await rig.planFault(look, { reset: true, after: true });
  await expect(touch('ran')).rejects.toThrow('broke during look');
  expect(await isThere('ran')).toBe(true);
  await rig.planFault(look, { noStatus: true });
  await expect(touch('ran')).rejects.toThrow('broke during look');
  await rig.planFault(look, { half: true });
  await expect(touch('ran')).rejects.toThrow('broke during look');
});

test('a command goes on when its connection breaks midway', async () => {
  await rig.planFault(look, { midway: true, delayMs: 100 });
  const slow = bench.onHost(host, 'sleep 0.7; touch "$r/tmp/slow"');
  await expect(slow).rejects.toThrow('broke during look');
  expect(await isThere('slow')).toBe(false);
  await expect.poll(() => isThere('slow'), { timeout: 10_000 }).toBe(true);
});

test('a connection can break between the parts of a command, which ends there', async () => {
  await rig.planFault(look, { between: true });
  const parts = bench.onHost(
    host,
    `touch "$r/tmp/one"; printf '\\0'; sleep 0.5; touch "$r/tmp/two"`,
  );
  await expect(parts).rejects.toThrow('broke during look');
  await sleep(1000);
  expect([await isThere('one'), await isThere('two')]).toEqual([true, false]);
});

test('a command that ends with its connection may tidy up behind it', async () => {
  const tidy = bench.onHost(
    host,
    `touch "$r/tmp/scratch"; trap 'rm "$r/tmp/scratch"' EXIT; touch "$r/tmp/begun"; sleep 20; touch "$r/tmp/ended"`,
  );
  const outcome = expect(tidy).rejects.toThrow('broke during look');
  await expect.poll(() => isThere('begun')).toBe(true);
  await rig.planFault(look, { reset: true });
  await expect(touch('other')).rejects.toThrow('broke during look');
  await outcome;
  await expect.poll(() => isThere('scratch')).toBe(false);
  expect(await isThere('ended')).toBe(false);
});

test('a command can be held before it runs, and its answer after it ran', async () => {
  for (const after of [false, true]) {
    const file = `held-${after}`;
    await rig.planFault(look, { delayMs: 60_000, after });
    const held = touch(file);
    await sleep(500);
    expect(await isThere(file)).toBe(after);
    await rig.devcloud.control('DELETE', '/faults');
    expect(await held).toBe('before\nafter\n');
    expect(await isThere(file)).toBe(true);
  }
});

test('a host can become another one at a command', async () => {
  await rig.planFault(look, { reset: true, hostKeyChanged: true });
  await expect(touch('other')).rejects.toThrow('broke during look');
  await expect(touch('other')).rejects.toThrow('is pinned for it');
  const faults = `/servers/${host.serverId}/faults`;
  expect((await rig.devcloud.control('PUT', faults, { faults: [] })).status).toBe(204);
  await touch('other');
});
