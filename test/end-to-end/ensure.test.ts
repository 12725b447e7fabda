import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Backend } from '../../activities/backend.js';
import type {
  EnsureReport,
  InstanceHealth,
  RebootReport,
  ServiceInstanceView,
  ShareView,
} from '../../client/index.js';
import { differences, listResources } from '../../dev/resources.js';
import { openBackend } from '../../worker/backends.js';
import { loadConfig } from '../../worker/config.js';
import {
  createShare,
  endToEnd,
  hawser as hawserOf,
  pathOf,
  refused,
  size,
} from '../support/end-to-end.js';

const story = endToEnd();
const hawser = async <T>(line: string) => hawserOf<T>(story, line);

let backend: Backend;
let nfs: ShareView;
let cifs: ShareView;
let instance: ServiceInstanceView;
let serverId: string;

beforeAll(async () => {
  const { configPath } = story.environment;
  const [config] = loadConfig(configPath);
  if (!config) throw new Error(`${configPath} has no backend`);
  backend = openBackend(config, configPath);
});

afterAll(async () => {
  backend?.ssh.close();
  backend?.hostInterface.close();
  await backend?.cloud.session.close();
});

/** What a script says that an operator runs as root on the service instance. */
async function onInstance(script: string, ...args: string[]): Promise<string> {
  const { metadata } = await story.cloud.compute.getServer(serverId);
  const host = { address: instance.address ?? '', hostKey: metadata['hawser:host_key'] ?? '' };
  const command = { name: 'operator', script, args, timeoutMs: 60_000 };
  return (await backend.ssh.run(host, command)).stdout;
}

const localPath = (share: ShareView) => `/shares/share-${share.id}`;
const checksums = async () =>
  onInstance('sha256sum "$1"/hawser-* "$2"/hawser-*', localPath(nfs), localPath(cifs));

/** By Nova, behind Hawser's back. */
async function detach({ volumeId }: ShareView): Promise<void> {
  await story.cloud.compute.detachVolume(serverId, volumeId ?? '');
  const status = async () => (await story.cloud.blockStorage.getVolume(volumeId ?? '')).status;
  await expect.poll(status, { timeout: 120_000, interval: 500 }).toBe('available');
}

async function works(share: ShareView): Promise<void> {
  expect(await story.friend.list(pathOf(share))).toContain('hawser-was-here');
  const { written, read } = await story.friend.writeAndRead(pathOf(share), size);
  expect(read).toBe(written);
}

test('two shares with data are in service, and so is their instance', async () => {
  [nfs, cifs] = await Promise.all([
    createShare(story, 'e2e-ensured-nfs', 'NFS'),
    createShare(story, 'e2e-ensured-cifs', 'CIFS'),
  ]);
  instance = await hawser<ServiceInstanceView>(`instance show ${nfs.serviceInstance}`);
  serverId = instance.serverId ?? '';
  for (const share of [nfs, cifs]) {
    await hawser(`access allow ${share.id} --to ${story.friend.address} --level rw`);
    await story.friend.writeAndRead(pathOf(share), size);
    expect(await hawser(`share ensure ${share.id}`)).toMatchObject({ repaired: [] });
  }
  const { alive, checks } = await hawser<InstanceHealth>(`instance ensure ${instance.id}`);
  expect(alive).toBe(true);
  expect(checks.filter(({ ok }) => !ok)).toEqual([]);
});

test('a volume that was detached under its mount is attached and mounted again, with its data', async () => {
  const before = await checksums();
  await detach(nfs);
  const { repaired } = await hawser<{ repaired: string[] }>(`share ensure ${nfs.id}`);
  expect(repaired).toEqual(
    expect.arrayContaining([`volume ${nfs.volumeId} attached again`, 'mounted again']),
  );
  expect(await checksums()).toBe(before);
  await works(nfs);
  await expect(story.stranger.list(pathOf(nfs))).rejects.toThrow(refused);
  expect(await hawser(`share ensure ${nfs.id}`)).toMatchObject({ repaired: [] });
});

test('exports that were lost, a file server that stopped and an fstab line that is gone are put right', async () => {
  await onInstance(
    'rm /etc/exports.d/*; exportfs -r; systemctl stop smbd; sed -i /x-hawser/d /etc/fstab',
  );
  await expect(story.friend.list(pathOf(nfs))).rejects.toThrow(refused);
  const report = await hawser<EnsureReport>('share ensure --all');
  const shares = report.instances.flatMap((one) => one.shares);
  expect(shares.map(({ id, result }) => `${id} ${result}`).sort()).toEqual([
    `${cifs.id} repaired`,
    `${nfs.id} repaired`,
  ]);
  const details = shares.find(({ id }) => id === cifs.id)?.details;
  expect(details).toEqual(
    expect.arrayContaining(['the CIFS server started again', 'fstab line written again']),
  );
  for (const share of [nfs, cifs]) await works(share);
  const again = await hawser<EnsureReport>(`share ensure --instance ${instance.id}`);
  expect(again.instances.flatMap((one) => one.shares).map(({ result }) => result)).toEqual([
    'healthy',
    'healthy',
  ]);
});

test('a rebooted instance is back with its shares and their data', async () => {
  const before = await checksums();
  const report = await hawser<RebootReport>(`instance reboot ${instance.id}`);
  expect(report.boot.after).not.toBe(report.boot.before);
  expect(report.checks.filter(({ ok }) => !ok)).toEqual([]);
  expect(report.shares.map(({ id }) => id).sort()).toEqual([cifs.id, nfs.id]);
  for (const { result } of report.shares) expect(['healthy', 'repaired']).toContain(result);
  expect(await checksums()).toBe(before);
  for (const share of [nfs, cifs]) await works(share);
  await expect(story.stranger.list(pathOf(nfs))).rejects.toThrow(refused);
});

test('a share with an open file is not torn away from it, and goes when the file is closed', async () => {
  const pid = await onInstance(
    'exec 3>"$1/open"; setsid sleep 3600 >/dev/null 2>&1 </dev/null & echo $!',
    localPath(cifs),
  );
  const said = await story.environment.hawser(['share', 'delete', cifs.id, '-o', 'json']);
  expect(said.code, said.stdout).toBe(1);
  expect(said.stdout).toMatch(/busy/);
  expect(await hawser(`share show ${cifs.id}`)).toMatchObject({ status: 'error_deleting' });
  const { status } = await story.cloud.blockStorage.getVolume(cifs.volumeId ?? '');
  expect(status).toBe('in-use');
  await onInstance('kill "$1"', pid.trim());
  // Its volume goes behind our back as well.
  await detach(cifs);
  await story.cloud.blockStorage.deleteVolume(cifs.volumeId ?? '');
  await hawser(`share delete ${cifs.id}`);
});

test('a share whose server is gone is in error, and is deleted with nothing left', async () => {
  await story.cloud.compute.deleteServer(serverId);
  await expect
    .poll(() => story.cloud.compute.findServer(serverId), { timeout: 120_000, interval: 500 })
    .toBeUndefined();
  const said = await story.environment.hawser(['share', 'ensure', nfs.id, '-o', 'json']);
  expect(said.code).toBe(1);
  expect(said.stdout).toContain(`Server ${serverId} of service instance ${instance.id} is gone`);
  expect(await hawser(`share show ${nfs.id}`)).toMatchObject({ status: 'error' });
  await hawser(`share delete ${nfs.id}`);
  await hawser(`instance delete ${instance.id}`);
  await story.friend.close();
  await story.stranger.close();
  expect(differences(story.before, await listResources(story.cloud))).toEqual([]);
});
