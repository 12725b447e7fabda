import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { request } from 'undici';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { HawserClient } from '../../client/index.js';
import { openCloud } from '../../dev/cloud.js';
import { startEnvironment, type EmbeddedEnvironment } from '../../dev/environment.js';
import { differences, listResources, type Resources } from '../../dev/resources.js';
import { createTenantNetwork, type TenantNetwork } from '../../dev/tenant-network.js';
import type { Cloud } from '../../openstack/index.js';

/** A step, and what holds it up for as long as it takes to kill its worker. */
interface Moment {
  step: string;
  /** The request that has its effect, but whose answer never comes; `ssh.connect` does not even connect. */
  held: { operation?: string; service?: string; method?: string };
}

/**
 * Two networks, so that a worker can be met before it has connected to the other one's instance: the first
 * script of a step is held up by its connection.
 */
const networkNames = ['kill-net-0', 'kill-net-1'] as const;
type NetworkName = (typeof networkNames)[number];

interface Life {
  id: string;
  protocol: 'NFS' | 'CIFS';
  shareNetwork: NetworkName;
  killedIn: { create: Moment; delete: Moment };
}

const [one, two] = networkNames;
const lives: Life[] = [
  {
    id: 'kill-0',
    protocol: 'NFS',
    shareNetwork: one,
    killedIn: {
      create: { step: 'ensureServerPort', held: { operation: 'port.create' } },
      delete: { step: 'unexportAndUnmount', held: { operation: 'ssh.connect' } },
    },
  },
  {
    id: 'kill-1',
    protocol: 'CIFS',
    shareNetwork: two,
    killedIn: {
      create: { step: 'ensureServer', held: { operation: 'server.create' } },
      delete: { step: 'unexportAndUnmount', held: { operation: 'ssh.connect' } },
    },
  },
  {
    id: 'kill-2',
    protocol: 'NFS',
    shareNetwork: one,
    killedIn: {
      create: { step: 'ensureVolume', held: { operation: 'volume.create' } },
      delete: { step: 'findVolume', held: { service: 'volume', method: 'GET' } },
    },
  },
  {
    id: 'kill-3',
    protocol: 'CIFS',
    shareNetwork: one,
    killedIn: {
      create: { step: 'attachVolume', held: { operation: 'volume.attach' } },
      delete: { step: 'detachVolume', held: { operation: 'volume.detach' } },
    },
  },
  {
    id: 'kill-4',
    protocol: 'NFS',
    shareNetwork: two,
    killedIn: {
      create: { step: 'formatAndMount', held: { operation: 'ssh.connect' } },
      delete: { step: 'deleteVolume', held: { operation: 'volume.delete' } },
    },
  },
];

const instanceDeletions: Moment[] = [
  { step: 'deleteServer', held: { operation: 'server.delete' } },
  { step: 'releaseServiceNetwork', held: { operation: 'subnet.delete' } },
];

let stateDir: string;
let environment: EmbeddedEnvironment;
let hawser: HawserClient;
let operator: Cloud;
let tenant: Cloud;
let networks: TenantNetwork[];
let before: Resources;

beforeAll(async () => {
  stateDir = await mkdtemp(join(tmpdir(), 'hawser-kill-'));
  environment = await startEnvironment({ stateDir, cloud: { hosts: 'simulated' } });
  operator = openCloud(environment.cloudsYaml, 'hawser');
  tenant = openCloud(environment.cloudsYaml, 'demo');
  networks = await Promise.all(
    networkNames.map((name, at) => createTenantNetwork(tenant, name, `10.20.${at}.0/24`)),
  );
  hawser = await HawserClient.connect({ address: environment.temporalAddress });
  before = await listResources(operator);
});

afterAll(async () => {
  await hawser?.close();
  await operator?.session.close();
  await tenant?.session.close();
  await environment?.stop();
  await rm(stateDir, { recursive: true, force: true });
});

type Steps = AsyncGenerator<{ steps: { step: string }[] }, void>;

/** Starts an operation, kills the worker amidst the step of that moment, and starts another worker. */
async function killAmidst(
  { step, held }: Moment,
  start: () => Promise<unknown>,
  watch: () => Steps,
): Promise<void> {
  const faultId = await hold(held);
  await start();
  await expect.poll(() => struck(faultId), { timeout: 30_000, interval: 20 }).toBe(1);
  const seen: string[] = [];
  for await (const { steps } of watch()) {
    seen.push(...steps.map((running) => running.step));
    if (seen.includes(step)) break;
  }
  expect(seen).toContain(step);
  await environment.worker.kill9();
  await environment.worker.start();
}

const faultSchema = z.object({ id: z.string(), struck: z.number() });

async function hold(match: Moment['held']): Promise<string> {
  const answer = await request(`${environment.cloudUrl}/devcloud/faults`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ match, effect: { delayMs: 300_000, after: true } }),
  });
  return faultSchema.parse(await answer.body.json()).id;
}

async function struck(faultId: string): Promise<number | undefined> {
  const { body } = await request(`${environment.cloudUrl}/devcloud/faults`);
  const { faults } = z.object({ faults: z.array(faultSchema) }).parse(await body.json());
  return faults.find(({ id }) => id === faultId)?.struck;
}

const createOf = ({ id, protocol, shareNetwork }: Life) =>
  hawser.createShare({ id, protocol, sizeGib: 1, shareNetwork });

test('creates whose worker is killed at five moments all end available, with one of each resource', async () => {
  for (const life of lives) {
    const { id } = life;
    await killAmidst(
      life.killedIn.create,
      () => createOf(life),
      () => hawser.watchShare(id, { intervalMs: 50 }),
    );
    const share = await hawser.waitForShare(id);
    expect(share, id).toMatchObject({ status: 'available', error: null });
    const volumes = await operator.blockStorage.listVolumes({ name: `manila-share-${id}` });
    expect(volumes.map(({ status, attachments }) => [status, attachments.length])).toEqual([
      ['in-use', 1],
    ]);
    const instance = await hawser.getInstance(share.serviceInstance ?? '');
    const name = `manila_service_instance_${instance.id}`;
    expect(await operator.compute.listServers({ name })).toHaveLength(1);
    const ports = await operator.network.listPorts({ name: `hawser-${instance.id}` });
    expect(ports).toHaveLength(1);
  }
  const after = await listResources(operator);
  expect(after.servers).toHaveLength(networkNames.length);
  expect(after.securityGroups).toHaveLength(before.securityGroups.length + 1);
}, 180_000);

test('snapshots whose worker is killed amidst them are there once, and gone in the end', async () => {
  const id = lives[0]?.id ?? '';
  const amidst = async (moment: Moment, begin: () => Promise<unknown>) => {
    const begun: Promise<unknown>[] = [];
    const start = async () => void begun.push(begin());
    await killAmidst(moment, start, () => hawser.watchShare(id, { intervalMs: 50 }));
    return begun[0];
  };
  const taking = { step: 'ensureVolumeSnapshot', held: { operation: 'snapshot.create' } };
  const taken = await amidst(taking, () => hawser.createSnapshot(id, { id: 's' }));
  expect(taken).toMatchObject({ id: 's', status: 'available', error: null });
  const snapshots = await operator.blockStorage.listSnapshots();
  expect(snapshots).toMatchObject([{ name: 'manila-snapshot-s', status: 'available' }]);

  const deleting = { step: 'deleteVolumeSnapshot', held: { operation: 'snapshot.delete' } };
  await amidst(deleting, () => hawser.deleteSnapshot(id, 's'));
  expect(await operator.blockStorage.listSnapshots()).toEqual([]);
  expect(await hawser.listSnapshots(id)).toEqual([]);
}, 180_000);

test('deletes whose worker is killed at five moments all end with nothing left of the share', async () => {
  for (const { id, killedIn } of lives) {
    await killAmidst(
      killedIn.delete,
      () => hawser.deleteShare(id),
      () => hawser.watchShare(id, { intervalMs: 50 }),
    );
    await hawser.waitUntilDeleted(id);
  }
  expect((await listResources(operator)).volumes).toEqual([]);
}, 180_000);

test('instance deletions whose worker is killed amidst them leave the cloud as it was', async () => {
  const instances = await hawser.listInstances();
  expect(instances).toHaveLength(instanceDeletions.length);
  for (const [at, moment] of instanceDeletions.entries()) {
    const id = instances[at]?.id ?? '';
    await killAmidst(
      moment,
      () => hawser.deleteInstance(id),
      () => hawser.watchInstance(id, { intervalMs: 50 }),
    );
    await hawser.waitUntilInstanceDeleted(id);
  }
  expect(differences(before, await listResources(operator))).toEqual([]);
  for (const network of networks) await network.remove();
}, 120_000);
