/**
 * Records the histories that test/workflows/replay.test.ts replays: the main job, a failed create, a create whose
 * worker was killed, and shares that are ensured, on the embedded cloud with simulated hosts. Run it when a workflow's story
 * changes on purpose: npm run record-histories
 */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { HawserClient } from '../../client/index.js';
import { openCloud } from '../../dev/cloud.js';
import { startEnvironment, type Environment } from '../../dev/environment.js';
import type { Cloud } from '../../openstack/index.js';
import { generateHostKey } from '../../ssh/host-key.js';
import { bootExistingServer, existingBackend, existingServer } from './existing-server.js';

const target = fileURLToPath(new URL('../histories', import.meta.url));
const shareNetwork = 'demo-net/demo-subnet';
const hostKey = generateHostKey();

async function main(): Promise<void> {
  const stateDir = await mkdtemp(join(tmpdir(), 'hawser-histories-'));
  const environment = await startEnvironment({
    stateDir,
    cloud: { hosts: 'simulated' },
    moreBackends: () => ({ existing: existingBackend(hostKey) }),
  });
  const hawser = await HawserClient.connect({ address: environment.temporalAddress });
  try {
    await live(hawser, environment.worker);
    await ensure(hawser, openCloud(environment.cloudsYaml, 'hawser'));
    await liveOnExistingServer(hawser, environment);
    await end(hawser);
    await rm(target, { recursive: true, force: true });
    await mkdir(target, { recursive: true });
    await save(hawser);
  } finally {
    await hawser.close();
    await environment.stop();
    await rm(stateDir, { recursive: true, force: true });
  }
}

async function live(
  hawser: HawserClient,
  worker: { kill9(): Promise<void>; start(): Promise<void> },
): Promise<void> {
  for (const protocol of ['NFS', 'CIFS'] as const) {
    const id = `recorded-${protocol.toLowerCase()}`;
    await hawser.createShare({ id, protocol, sizeGib: 1, shareNetwork });
    if (protocol === 'CIFS') {
      await worker.kill9();
      await worker.start();
    }
    await hawser.waitForShare(id);
    await hawser.allowAccess(id, { to: '10.10.0.5', level: 'rw' });
    if (protocol === 'NFS') await hawser.changeAccess(id, '10.10.0.5', 'ro');
    await hawser.extendShare(id, 2);
    await hawser.shrinkShare(id, 1);
    await hawser.denyAccess(id, '10.10.0.5');
    await takeSnapshots(hawser, id);
    await hawser.backendStatistics('generic');
  }
  const failing = { id: 'recorded-failure', protocol: 'NFS', sizeGib: 1 } as const;
  await hawser.createShare({ ...failing, shareNetwork: 'no-such-network' });
  await hawser.waitForShare(failing.id).catch(() => undefined);
}

/** A share in service, one that is repaired, all of them, and a reboot of their instance. */
async function ensure(hawser: HawserClient, { compute, blockStorage, session }: Cloud) {
  const { volumeId, serviceInstance } = await hawser.getShare('recorded-nfs');
  const { serverId } = await hawser.getInstance(serviceInstance ?? '');
  await hawser.ensureShare('recorded-nfs');
  await compute.detachVolume(serverId ?? '', volumeId ?? '');
  while ((await blockStorage.getVolume(volumeId ?? '')).status !== 'available') await sleep(100);
  await hawser.ensureShare('recorded-nfs');
  await hawser.ensureInstance(serviceInstance ?? '');
  await hawser.ensureShares({ backend: 'generic' });
  await blockStorage.createVolume({
    name: 'lost',
    sizeGib: 1,
    metadata: { 'hawser:share_id': 'recorded-lost', 'hawser:backend': 'generic' },
  });
  await hawser.sweep({ backend: 'generic', remove: true, graceSeconds: 0 });
  await hawser.rebootInstance(serviceInstance ?? '', 'SOFT');
  await session.close();
}

async function end(hawser: HawserClient): Promise<void> {
  for (const id of ['recorded-nfs', 'recorded-cifs', 'recorded-failure']) {
    await hawser.deleteShare(id);
    await hawser.waitUntilDeleted(id);
  }
  // A server that was there before stays.
  const instances = await hawser.listInstances();
  const own = instances.filter((one) => one.shareNetwork !== null);
  for (const { id } of own) {
    await hawser.deleteInstance(id);
    await hawser.waitUntilInstanceDeleted(id);
  }
}

/** Each is taken, forgotten, taken over again and deleted. */
async function takeSnapshots(hawser: HawserClient, shareId: string): Promise<void> {
  const { volumeSnapshotId } = await hawser.createSnapshot(shareId, { id: 'recorded' });
  const copy = `${shareId}-copy`;
  const fromSnapshot = { shareId, snapshotId: 'recorded' };
  await hawser.createShare({ id: copy, protocol: 'NFS', fromSnapshot, shareNetwork });
  await hawser.waitForShare(copy);
  await hawser.deleteShare(copy);
  await hawser.waitUntilDeleted(copy);
  await hawser.unmanageSnapshot(shareId, 'recorded');
  await hawser.manageSnapshot(shareId, {
    id: 'recorded',
    providerLocation: volumeSnapshotId ?? '',
  });
  await hawser.deleteSnapshot(shareId, 'recorded');
}

/** A share on a server that was there before, let go of and taken over again under another id. */
async function liveOnExistingServer(
  hawser: HawserClient,
  { cloudsYaml, stateDir }: Environment,
): Promise<void> {
  const cloud = openCloud(cloudsYaml, 'hawser');
  const publicKey = await readFile(join(stateDir, 'ssh/id_ed25519.pub'), 'utf8');
  await bootExistingServer(cloud, { userKey: { publicKey }, hostKey });
  await cloud.session.close();

  const on = { protocol: 'NFS', backend: 'existing' } as const;
  await hawser.createShare({ ...on, id: 'recorded-common', sizeGib: 1 });
  await hawser.waitForShare('recorded-common');
  await hawser.allowAccess('recorded-common', { to: '10.10.0.5', level: 'rw' });
  await hawser.unmanageShare('recorded-common');
  await hawser.waitUntilUnmanaged('recorded-common');

  const exportLocation = `${existingServer.address}:/shares/share-recorded-common`;
  await hawser.manageShare({ ...on, id: 'recorded-managed', exportLocation });
  await hawser.waitForShare('recorded-managed');
  await hawser.deleteShare('recorded-managed');
  await hawser.waitUntilDeleted('recorded-managed');
  await hawser.manageShare({ ...on, id: 'recorded-nothing', exportLocation });
  await hawser.waitForShare('recorded-nothing').catch(() => undefined);
}

async function save({ temporal }: HawserClient): Promise<void> {
  for await (const { workflowId, runId, type } of temporal.workflow.list()) {
    const history = await temporal.workflow.getHandle(workflowId, runId).fetchHistory();
    const file = join(target, `${type}-${runId}.json`);
    await writeFile(file, historyToJSON(history));
  }
}

await main();
