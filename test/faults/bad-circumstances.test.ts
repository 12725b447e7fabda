import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { request } from 'undici';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import { HawserClient, type ServiceInstanceView, type ShareView } from '../../client/index.js';
import { openCloud } from '../../dev/cloud.js';
import { startEnvironment, type EmbeddedEnvironment } from '../../dev/environment.js';
import { differences, listResources, type Resources } from '../../dev/resources.js';
import type { Cloud } from '../../openstack/index.js';
import { removeInstance, removeShare } from '../support/remove-everything.js';

let stateDir: string;
let environment: EmbeddedEnvironment;
let hawser: HawserClient;
let operator: Cloud;
let before: Resources;

beforeAll(async () => {
  stateDir = await mkdtemp(join(tmpdir(), 'hawser-bad-'));
  environment = await startEnvironment({ stateDir, cloud: { hosts: 'simulated' } });
  operator = openCloud(environment.cloudsYaml, 'hawser');
  hawser = await HawserClient.connect({ address: environment.temporalAddress });
});

afterAll(async () => {
  await hawser?.close();
  await operator?.session.close();
  await environment?.stop();
  await rm(stateDir, { recursive: true, force: true });
});

let share: ShareView;
let instance: ServiceInstanceView;
let serverId: string;
let volumeId: string;
let next = 0;

beforeEach(async () => {
  before = await listResources(operator);
  next += 1;
  share = await create(next % 2 === 0 ? 'CIFS' : 'NFS');
  await hawser.allowAccess(share.id, { to: '10.10.0.5', level: 'rw' });
  instance = await hawser.getInstance(share.serviceInstance ?? '');
  serverId = instance.serverId ?? '';
  volumeId = share.volumeId ?? '';
});

afterEach(async () => {
  await control('DELETE', '/faults');
  for (const { id } of await hawser.listShares()) await removeShare(hawser, id);
  for (const { id } of await hawser.listInstances()) {
    // A list may lag behind a share that just did something.
    const listed = await hawser.getInstance(id).catch(() => undefined);
    for (const left of listed?.shares ?? []) await removeShare(hawser, left);
    await removeInstance(hawser, id);
  }
  expect(differences(before, await listResources(operator))).toEqual([]);
});

async function create(protocol: 'NFS' | 'CIFS', name = 'first'): Promise<ShareView> {
  const id = `bad-${next}-${name}`;
  await hawser.createShare({ id, protocol, sizeGib: 1, shareNetwork: 'demo-net' });
  return hawser.waitForShare(id);
}

async function control(method: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string, body?: object) {
  const answer = await request(`${environment.cloudUrl}/devcloud${path}`, {
    method,
    headers: { 'content-type': 'application/json' },
    body: body && JSON.stringify(body),
  });
  const text = await answer.body.text();
  if (answer.statusCode >= 300) throw new Error(`${method} ${path}: ${answer.statusCode} ${text}`);
  return text === '' ? undefined : (JSON.parse(text) as unknown);
}

const struck = z.object({ faults: z.array(z.object({ struck: z.number() })) });

/** Holds the event up before it has any effect, meanwhile does something, and lets it go on. */
async function during(
  match: object,
  skip: number,
  start: () => Promise<unknown>,
  meanwhile: () => Promise<void>,
): Promise<void> {
  await control('POST', '/faults', { match, skip, effect: { delayMs: 120_000 } });
  await start();
  await expect
    .poll(async () => struck.parse(await control('GET', '/faults')).faults[0]?.struck, {
      timeout: 30_000,
      interval: 20,
    })
    .toBe(1);
  await meanwhile();
  await control('DELETE', '/faults');
}

const gone = async (find: () => Promise<unknown>) =>
  expect.poll(find, { timeout: 20_000, interval: 50 }).toBeUndefined();

const serverStatus = async () => (await operator.compute.findServer(serverId))?.status;
const act = async (action: object) => {
  await operator.session.send({
    service: 'compute',
    method: 'POST',
    path: `/servers/${serverId}/action`,
    body: action,
  });
};
const stop = async () => {
  await act({ 'os-stop': null });
  await expect.poll(serverStatus, { timeout: 20_000 }).toBe('SHUTOFF');
};

const lose = {
  server: async () => {
    await operator.compute.deleteServer(serverId);
    await gone(() => operator.compute.findServer(serverId));
  },
  volume: async () => {
    await operator.compute.detachVolume(serverId, volumeId);
    const status = async () => (await operator.blockStorage.getVolume(volumeId)).status;
    await expect.poll(status, { timeout: 20_000, interval: 50 }).toBe('available');
    await operator.blockStorage.deleteVolume(volumeId);
    await gone(() => operator.blockStorage.findVolume(volumeId));
  },
  both: async () => {
    await lose.server();
    await operator.blockStorage.deleteVolume(volumeId);
    await gone(() => operator.blockStorage.findVolume(volumeId));
  },
};
type Loss = keyof typeof lose;

const deleted = async () => {
  await hawser.deleteShare(share.id);
  await hawser.waitUntilDeleted(share.id);
};

test.each(['volume', 'both'] as const)(
  'a share whose volume, or volume and server (%s), were deleted is deleted all the same',
  async (what: Loss) => {
    await lose[what]();
    await deleted();
  },
);

test.each([
  ['it is asked whether the server exists', { operation: 'server.show' }, 0, 'server'],
  ['it is closed', { operation: 'server.show' }, 1, 'both'],
  ['it is closed', { operation: 'server.show' }, 1, 'volume'],
  ['its volume is detached', { operation: 'volume.detach' }, 0, 'server'],
  ['its volume is deleted', { operation: 'volume.delete' }, 0, 'both'],
] as [string, object, number, Loss][])(
  'a deletion ends though just when %s (%j, %i before) the %s is lost',
  async (_, match, skip, what) => {
    await during(match, skip, () => hawser.deleteShare(share.id), lose[what]);
    await hawser.waitUntilDeleted(share.id);
  },
);

test('a deletion that waits for a server that does not answer ends when the server is off', async () => {
  await environment.worker.restart();
  await control('POST', '/faults', {
    match: { operation: 'ssh.connect' },
    times: 1000,
    effect: { reset: true },
  });
  await hawser.deleteShare(share.id);
  const attempts = async () => {
    for await (const { steps } of hawser.watchShare(share.id)) return steps[0]?.attempt ?? 0;
    return 0;
  };
  await expect.poll(attempts, { timeout: 30_000 }).toBeGreaterThan(1);
  await stop();
  await hawser.waitUntilDeleted(share.id);
}, 180_000);

test('a share on a server that is off is deleted, and its other shares come back with it', async () => {
  const other = await create('CIFS', 'other');
  await stop();
  await deleted();
  const volumes = await operator.blockStorage.listVolumes();
  expect(volumes.map(({ id }) => id)).toEqual([other.volumeId]);

  const said = await environment.hawser(['instance', 'reboot', instance.id]);
  expect(said.code).toBe(1);
  expect(said.stderr).toMatch(/is SHUTOFF.*--hard/s);
  const report = await hawser.rebootInstance(instance.id, 'HARD');
  expect(report.boot.before).toBeNull();
  expect(report.shares).toEqual([
    { id: other.id, result: expect.any(String), details: expect.any(Array) },
  ]);
  expect(await hawser.getShare(other.id)).toMatchObject({ status: 'available', error: null });
  await hawser.allowAccess(other.id, { to: '10.10.0.7', level: 'rw' });
}, 180_000);

test('a share on a server in ERROR is not deleted for good, and is when the server is back', async () => {
  await act({ 'os-resetState': { state: 'error' } });
  await hawser.deleteShare(share.id);
  await expect(hawser.waitUntilDeleted(share.id)).rejects.toThrow(/is in ERROR.*--hard/);
  expect((await hawser.getShare(share.id)).status).toBe('error_deleting');
  await hawser.rebootInstance(instance.id, 'HARD');
  await deleted();
}, 180_000);

test('the command line says what was wrong with a share, an instance and all of them', async () => {
  await operator.compute.detachVolume(serverId, volumeId);
  const volume = async () => (await operator.blockStorage.getVolume(volumeId)).status;
  await expect.poll(volume, { timeout: 20_000 }).toBe('available');
  const repaired = await environment.hawser(['share', 'ensure', share.id]);
  expect(repaired).toMatchObject({ code: 0 });
  expect(repaired.stdout).toContain(`volume ${volumeId} attached again, mounted again`);
  const healthy = await environment.hawser(['share', 'ensure', share.id, '-o', 'json']);
  expect(JSON.parse(healthy.stdout)).toMatchObject({ status: 'available', repaired: [] });

  const all = await environment.hawser(['share', 'ensure', '--all']);
  expect(all).toMatchObject({ code: 0 });
  expect(all.stdout).toContain(share.id);
  expect(all.stdout).toMatch(/1 healthy\.\n$/);

  const well = await environment.hawser(['instance', 'ensure', instance.id]);
  expect(well.code, well.stdout).toBe(0);
  expect(well.stdout).toMatch(/^ok +server +\S+ is ACTIVE$/m);

  await lose.server();
  const dead = await environment.hawser(['instance', 'ensure', instance.id]);
  expect(dead.code).toBe(1);
  expect(dead.stdout).toMatch(/^NO +server +Server \S+ of service instance \S+ is gone/m);
  const allDead = await environment.hawser(['share', 'ensure', '--instance', instance.id]);
  expect(allDead.code).toBe(1);
  expect(allDead.stdout).toMatch(/failed +Server \S+ .* is gone/);
  expect(allDead.stdout).toMatch(/1 failed\.\n$/);
  expect(await hawser.getShare(share.id)).toMatchObject({
    status: 'error',
    error: { type: 'InstanceUnhealthy' },
  });
  const one = await environment.hawser(['share', 'ensure', share.id, '-o', 'json']);
  expect(one.code).toBe(1);
  expect(JSON.parse(one.stdout)).toMatchObject({ error: { type: 'ServerFailed' } });
}, 300_000);
