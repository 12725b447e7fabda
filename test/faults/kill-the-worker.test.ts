import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { HawserClient } from '../../client/index.js';
import { startEnvironment, type Environment } from '../../dev/environment.js';
import { differences, listResources, type Resources } from '../../dev/resources.js';
import { loadCloudConfig } from '../../openstack/cloud-config.js';
import { connectCloud, type Cloud } from '../../openstack/index.js';
import { createTenantNetwork, type TenantNetwork } from '../support/tenant-network.js';

const moments = [0, 1, 2, 3, 4];
const shares = moments.map((moment) => ({
  id: `kill-${moment}`,
  protocol: moment % 2 === 0 ? ('NFS' as const) : ('CIFS' as const),
  sizeGib: 1,
  shareNetwork: `kill-net-${moment}`,
}));

const shareAt = (moment: number) => {
  const share = shares[moment];
  if (!share) throw new Error(`there is no moment ${moment}`);
  return share;
};

let stateDir: string;
let environment: Environment;
let hawser: HawserClient;
let operator: Cloud;
let tenant: Cloud;
let networks: TenantNetwork[];
let before: Resources;

beforeAll(async () => {
  stateDir = await mkdtemp(join(tmpdir(), 'hawser-kill-'));
  environment = await startEnvironment({
    stateDir,
    hosts: 'simulated',
    cloudArguments: [
      '--latency',
      'server.create=600ms,server.delete=1500ms,volume.create=600ms,volume.attach=600ms,volume.detach=1000ms,volume.delete=1000ms',
    ],
  });
  const env = { OS_CLIENT_CONFIG_FILE: environment.cloudsYaml };
  operator = connectCloud(loadCloudConfig({ cloud: 'hawser', env }));
  tenant = connectCloud(loadCloudConfig({ cloud: 'demo', env }));
  networks = await Promise.all(
    shares.map(({ shareNetwork }, at) =>
      createTenantNetwork(tenant, shareNetwork, `10.20.${at}.0/24`),
    ),
  );
  hawser = await HawserClient.connect({ address: environment.temporalAddress });
  before = await listResources(environment.cloudUrl);
});

afterAll(async () => {
  await hawser?.close();
  await operator?.session.close();
  await tenant?.session.close();
  await environment?.stop();
  await rm(stateDir, { recursive: true, force: true });
});

/**
 * Starts one after the other, kills the worker while all of them are under way, each at another moment, and starts
 * another worker. Answers with the steps that they were at.
 */
async function killAmidst(
  staggerMs: number,
  start: (at: number) => Promise<unknown>,
  stepNow: (at: number) => Promise<string>,
): Promise<string[]> {
  for (const moment of moments) {
    await start(moment);
    if (moment < moments.length - 1) await sleep(staggerMs);
  }
  const steps = await Promise.all(moments.map(stepNow));
  await environment.worker.kill9();
  await environment.worker.start();
  return steps;
}

/** What one of them does now: its innermost running steps, or `gone`. */
const look = async (
  watch: AsyncGenerator<{ steps: { step: string }[] }, void>,
): Promise<string> => {
  try {
    const { value } = await watch.next();
    return value?.steps.map(({ step }) => step).join('+') ?? 'gone';
  } catch {
    return 'gone';
  }
};

const stepOfShare = (at: number) => look(hawser.watchShare(shareAt(at).id));

/** Else the kill would show nothing. */
function mustBeAmidst(steps: string[], distinct: number): void {
  expect(steps).not.toContain('gone');
  expect(new Set(steps).size, steps.join(', ')).toBeGreaterThanOrEqual(distinct);
}

test('creates that a kill meets at five moments all end available, with one of each resource', async () => {
  mustBeAmidst(await killAmidst(500, (at) => hawser.createShare(shareAt(at)), stepOfShare), 3);
  for (const { id } of shares) {
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
  const after = await listResources(environment.cloudUrl);
  expect(after.servers).toHaveLength(shares.length);
  expect(after.securityGroups).toHaveLength(before.securityGroups.length + 1);
});

test('deletes that a kill meets at five moments all end with nothing left of the share', async () => {
  mustBeAmidst(await killAmidst(300, (at) => hawser.deleteShare(shareAt(at).id), stepOfShare), 2);
  for (const { id } of shares) await hawser.waitUntilDeleted(id);
  expect((await listResources(environment.cloudUrl)).volumes).toEqual([]);
});

test('instance deletions that a kill meets at five moments leave the cloud as it was', async () => {
  const instances = await hawser.listInstances();
  expect(instances).toHaveLength(shares.length);
  const instanceAt = (at: number) => instances[at]?.id ?? '';
  const steps = await killAmidst(
    200,
    (at) => hawser.deleteInstance(instanceAt(at)),
    (at) => look(hawser.watchInstance(instanceAt(at))),
  );
  mustBeAmidst(steps, 1);
  for (const { id } of instances) await hawser.waitUntilInstanceDeleted(id);
  expect(differences(before, await listResources(environment.cloudUrl))).toEqual([]);
  for (const network of networks) await network.remove();
});
