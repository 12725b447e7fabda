import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { HawserClient, type ServiceInstanceView, type ShareView } from '../../client/index.js';
import { openCloud } from '../../dev/cloud.js';
import { startEnvironment, type Environment } from '../../dev/environment.js';
import { differences, listResources, type Resources } from '../../dev/resources.js';
import { plugTenantClient, type TenantClient } from '../../dev/tenant-client.js';
import type { Cloud } from '../../openstack/index.js';
import { cloudUnderTest } from '../support/cloud-under-test.js';
import { removeEverything } from '../support/remove-everything.js';

let stateDir: string;
let environment: Environment;
let cloud: Cloud;
let before: Resources;
let friend: TenantClient;
let stranger: TenantClient;
const shareNetwork = 'demo-net/demo-subnet';
const target = cloudUnderTest();
const host = 'host' in target ? target.host : undefined;

beforeAll(async () => {
  stateDir = await mkdtemp(join(tmpdir(), 'hawser-e2e-'));
  environment = await startEnvironment({ stateDir, cloud: target });
  cloud = openCloud(environment.cloudsYaml, 'hawser');
  before = await listResources(cloud);
  friend = await plug('friend');
  stranger = await plug('stranger');
});

afterAll(async () => {
  if (environment) await leaveNothing();
  await friend?.close();
  await stranger?.close();
  await cloud?.session.close();
  await environment?.stop();
  await rm(stateDir, { recursive: true, force: true });
});

/** Nothing is there but what a test that failed has left. */
async function leaveNothing(): Promise<void> {
  if (environment.worker.pid === undefined) await environment.worker.start();
  const client = await HawserClient.connect({ address: environment.temporalAddress });
  const problems = await removeEverything(client);
  await client.close();
  for (const problem of problems) process.stderr.write(`Left in the cloud: ${problem}\n`);
}

const plug = (name: string) =>
  plugTenantClient({ ...environment, host, cloud: 'demo', network: 'demo-net', name });

/** What a person would type; the answer is the one JSON document on standard output. */
async function hawser<T>(line: string, ...more: string[]): Promise<T> {
  const args = [...line.split(' '), ...more, '-o', 'json'];
  const { code, stdout, stderr } = await environment.hawser(args);
  expect(code, `hawser ${args.join(' ')}: ${stdout}${stderr}`).toBe(0);
  return JSON.parse(stdout) as T;
}

/** Returns while the step is at work. */
async function untilStep(shareId: string, name: string): Promise<void> {
  const client = await HawserClient.connect({ address: environment.temporalAddress });
  try {
    for await (const { steps } of client.watchShare(shareId, { intervalMs: 50 })) {
      if (steps.some(({ step }) => step === name)) return;
    }
  } finally {
    await client.close();
  }
  throw new Error(`share ${shareId} was never seen at ${name}`);
}

const create = (id: string, protocol: string, ...more: string[]) =>
  hawser<ShareView>(
    `share create --id ${id} --protocol ${protocol} --size 1 --share-network ${shareNetwork}`,
    ...more,
  );

const pathOf = (share: ShareView): string => share.exportLocations[0]?.path ?? '';

/** By the protocols' own words: a tool that is missing or a network that is down is no refusal. */
const refused = /MNT3ERR_ACCES|NT_STATUS_ACCESS_DENIED/;

const size = 1_000_000;
let nfs: ShareView;
let cifs: ShareView;

test('an NFS and a CIFS share become available on one new service instance', async () => {
  [nfs, cifs] = await Promise.all([create('e2e-nfs', 'NFS'), create('e2e-cifs', 'CIFS')]);
  expect(Object.keys(nfs)).toEqual(
    expect.arrayContaining([
      'id',
      'name',
      'status',
      'protocol',
      'sizeGib',
      'shareNetwork',
      'serviceInstance',
      'exportLocations',
      'accessRules',
      'error',
    ]),
  );
  expect(nfs).toMatchObject({ status: 'available', error: null, accessRules: [] });
  expect(pathOf(nfs)).toMatch(/^10\.254\.\d+\.\d+:\/shares\/share-e2e-nfs$/);
  expect(pathOf(cifs)).toMatch(/^\\\\10\.254\.\d+\.\d+\\share-e2e-cifs$/);
  expect(cifs.serviceInstance).toBe(nfs.serviceInstance);
});

test('the instance meets the image requirements', async () => {
  const report = await hawser<{ checks: { name: string; ok: boolean }[] }>(
    `image check ${nfs.serviceInstance}`,
  );
  expect(report.checks.length).toBeGreaterThan(10);
  expect(report.checks.filter(({ ok }) => !ok)).toEqual([]);
});

test('a new share lets nobody in', async () => {
  await expect(friend.list(pathOf(nfs))).rejects.toThrow(refused);
  await expect(friend.list(pathOf(cifs))).rejects.toThrow(refused);
});

test('a client that a rule names writes and reads by NFS, another one is refused', async () => {
  const rule = await hawser(`access allow ${nfs.id} --to ${friend.address} --level rw`);
  expect(rule).toMatchObject({ to: friend.address, level: 'rw', state: 'active' });
  const { written, read } = await friend.writeAndRead(pathOf(nfs), size);
  expect(read).toBe(written);
  await expect(stranger.list(pathOf(nfs))).rejects.toThrow(refused);
});

test('a client that a rule names writes and reads by CIFS, another one is refused', async () => {
  await hawser(`access allow ${cifs.id} --to ${friend.address} --level rw`);
  const { written, read } = await friend.writeAndRead(pathOf(cifs), size);
  expect(read).toBe(written);
  await expect(stranger.list(pathOf(cifs))).rejects.toThrow(refused);
  await hawser(`access deny ${cifs.id} ${friend.address}`);
  await expect(friend.list(pathOf(cifs))).rejects.toThrow(refused);
  await hawser(`access allow ${cifs.id} --to ${friend.address} --level rw`);
  expect(await friend.list(pathOf(cifs))).toContain('hawser-was-here');
});

test('a rule for a prefix lets its addresses read, and not write when it says so', async () => {
  await hawser(`access allow ${nfs.id} --to ${stranger.address}/32 --level ro`);
  expect(await stranger.list(pathOf(nfs))).toContain('hawser-was-here');
  await expect(stranger.writeAndRead(pathOf(nfs), size)).rejects.toThrow(/ROFS|read-only/i);
  await hawser(`access deny ${nfs.id} ${stranger.address}`);
  await expect(stranger.list(pathOf(nfs))).rejects.toThrow(refused);
  await hawser(`access allow ${nfs.id} --to 10.10.0.0/24 --level ro`);
  expect(await stranger.list(pathOf(nfs))).toContain('hawser-was-here');
  await hawser(`access deny ${nfs.id} 10.10.0.0/24`);
});

test('rules for IPv6 addresses and prefixes are exported and read back', async () => {
  for (const to of ['2001:db8::5', '2001:db8:1::/48']) {
    const rule = await hawser(`access allow ${nfs.id} --to ${to} --level ro`);
    expect(rule).toMatchObject({ to, state: 'active' });
  }
  const { accessRules } = await hawser<ShareView>(`share show ${nfs.id}`);
  expect(accessRules.map(({ to }) => to)).toEqual([
    friend.address,
    '2001:db8::5',
    '2001:db8:1::/48',
  ]);
});

test('after a reboot of the instance its shares are mounted, exported and intact', async () => {
  const instance = await hawser<ServiceInstanceView>(`instance show ${nfs.serviceInstance}`);
  await hawser(`access allow ${nfs.id} --to ${stranger.address} --level ro`);
  await hawser(`access deny ${nfs.id} ${stranger.address}`);
  // At once: a denial that only the guest's memory knew of would be undone by this.
  await cloud.compute.rebootServer(instance.serverId ?? '', 'HARD');
  await expect
    .poll(() => friend.list(pathOf(nfs)).catch(String), { timeout: 120_000, interval: 1000 })
    .toContain('hawser-was-here');
  await expect
    .poll(() => friend.list(pathOf(cifs)).catch(String), { timeout: 60_000, interval: 1000 })
    .toContain('hawser-was-here');
  await expect(stranger.list(pathOf(nfs))).rejects.toThrow(refused);
});

test('a worker killed in the middle of a create loses nothing and doubles nothing', async () => {
  await create('e2e-crash', 'NFS', '--no-wait');
  await untilStep('e2e-crash', 'formatVolume');
  await environment.worker.kill9();
  expect((await hawser<ShareView>(`share show e2e-crash`)).status).toBe('creating');
  await environment.worker.start();
  expect(await create('e2e-crash', 'NFS')).toMatchObject({ status: 'available', error: null });
  const volumes = await cloud.blockStorage.listVolumes({ name: 'manila-share-e2e-crash' });
  expect(volumes).toHaveLength(1);
  expect(volumes[0]?.attachments).toHaveLength(1);
});

test('when everything is deleted the cloud is what it was before', async () => {
  for (const { id } of await hawser<ShareView[]>('share list')) {
    await hawser(`share delete ${id}`);
  }
  expect(await hawser('share list')).toEqual([]);
  await hawser(`instance delete ${nfs.serviceInstance}`);
  await friend.close();
  await stranger.close();
  expect(differences(before, await listResources(cloud))).toEqual([]);
});
