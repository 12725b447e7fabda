import { expect, test } from 'vitest';
import { HawserClient, type ServiceInstanceView, type ShareView } from '../../client/index.js';
import { differences, listResources } from '../../dev/resources.js';
import {
  createShare,
  endToEnd,
  hawser as hawserOf,
  pathOf,
  refused,
  size,
} from '../support/end-to-end.js';

const story = endToEnd();
const hawser = async <T>(line: string, ...more: string[]) => hawserOf<T>(story, line, ...more);
const create = (id: string, protocol: string, ...more: string[]) =>
  createShare(story, id, protocol, ...more);

/** Returns while the step is at work. */
async function untilStep(shareId: string, name: string): Promise<void> {
  const client = await HawserClient.connect({ address: story.environment.temporalAddress });
  try {
    for await (const { steps } of client.watchShare(shareId, { intervalMs: 50 })) {
      if (steps.some(({ step }) => step === name)) return;
    }
  } finally {
    await client.close();
  }
  throw new Error(`share ${shareId} was never seen at ${name}`);
}

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
  await expect(story.friend.list(pathOf(nfs))).rejects.toThrow(refused);
  await expect(story.friend.list(pathOf(cifs))).rejects.toThrow(refused);
});

test('a client that a rule names writes and reads by NFS, another one is refused', async () => {
  const rule = await hawser(`access allow ${nfs.id} --to ${story.friend.address} --level rw`);
  expect(rule).toMatchObject({ to: story.friend.address, level: 'rw', state: 'active' });
  const { written, read } = await story.friend.writeAndRead(pathOf(nfs), size);
  expect(read).toBe(written);
  await expect(story.stranger.list(pathOf(nfs))).rejects.toThrow(refused);
});

test('a client that a rule names writes and reads by CIFS, another one is refused', async () => {
  await hawser(`access allow ${cifs.id} --to ${story.friend.address} --level rw`);
  const { written, read } = await story.friend.writeAndRead(pathOf(cifs), size);
  expect(read).toBe(written);
  await expect(story.stranger.list(pathOf(cifs))).rejects.toThrow(refused);
  await hawser(`access deny ${cifs.id} ${story.friend.address}`);
  await expect(story.friend.list(pathOf(cifs))).rejects.toThrow(refused);
  await hawser(`access allow ${cifs.id} --to ${story.friend.address} --level rw`);
  expect(await story.friend.list(pathOf(cifs))).toContain('hawser-was-here');
});

test('a rule for a prefix lets its addresses read, and not write when it says so', async () => {
  await hawser(`access allow ${nfs.id} --to ${story.stranger.address}/32 --level ro`);
  expect(await story.stranger.list(pathOf(nfs))).toContain('hawser-was-here');
  await expect(story.stranger.writeAndRead(pathOf(nfs), size)).rejects.toThrow(/ROFS|read-only/i);
  await hawser(`access deny ${nfs.id} ${story.stranger.address}`);
  await expect(story.stranger.list(pathOf(nfs))).rejects.toThrow(refused);
  await hawser(`access allow ${nfs.id} --to 10.10.0.0/24 --level ro`);
  expect(await story.stranger.list(pathOf(nfs))).toContain('hawser-was-here');
  await hawser(`access deny ${nfs.id} 10.10.0.0/24`);
});

test('rules for IPv6 addresses and prefixes are exported and read back', async () => {
  for (const to of ['2001:db8::5', '2001:db8:1::/48']) {
    const rule = await hawser(`access allow ${nfs.id} --to ${to} --level ro`);
    expect(rule).toMatchObject({ to, state: 'active' });
  }
  const { accessRules } = await hawser<ShareView>(`share show ${nfs.id}`);
  expect(accessRules.map(({ to }) => to)).toEqual([
    story.friend.address,
    '2001:db8::5',
    '2001:db8:1::/48',
  ]);
});

test('after a reboot of the instance its shares are mounted, exported and intact', async () => {
  const instance = await hawser<ServiceInstanceView>(`instance show ${nfs.serviceInstance}`);
  await hawser(`access allow ${nfs.id} --to ${story.stranger.address} --level ro`);
  await hawser(`access deny ${nfs.id} ${story.stranger.address}`);
  // At once: a denial that only the guest's memory knew of would be undone by this.
  await story.cloud.compute.rebootServer(instance.serverId ?? '', 'HARD');
  await expect
    .poll(() => story.friend.list(pathOf(nfs)).catch(String), { timeout: 120_000, interval: 1000 })
    .toContain('hawser-was-here');
  await expect
    .poll(() => story.friend.list(pathOf(cifs)).catch(String), { timeout: 60_000, interval: 1000 })
    .toContain('hawser-was-here');
  // mountd comes up a moment after nfsd.
  await expect
    .poll(() => story.stranger.list(pathOf(nfs)).catch(String), { timeout: 60_000, interval: 1000 })
    .not.toContain('Program is not available');
  await expect(story.stranger.list(pathOf(nfs))).rejects.toThrow(refused);
});

test('a worker killed in the middle of a create loses nothing and doubles nothing', async () => {
  await create('e2e-crash', 'NFS', '--no-wait');
  await untilStep('e2e-crash', 'formatAndMount');
  await story.environment.worker.kill9();
  expect((await hawser<ShareView>(`share show e2e-crash`)).status).toBe('creating');
  await story.environment.worker.start();
  expect(await create('e2e-crash', 'NFS')).toMatchObject({ status: 'available', error: null });
  const volumes = await story.cloud.blockStorage.listVolumes({ name: 'manila-share-e2e-crash' });
  expect(volumes).toHaveLength(1);
  expect(volumes[0]?.attachments).toHaveLength(1);
});

test('when everything is deleted the cloud is what it was before', async () => {
  for (const { id } of await hawser<ShareView[]>('share list')) {
    await hawser(`share delete ${id}`);
  }
  expect(await hawser('share list')).toEqual([]);
  await hawser(`instance delete ${nfs.serviceInstance}`);
  await story.friend.close();
  await story.stranger.close();
  expect(differences(story.before, await listResources(story.cloud))).toEqual([]);
});
