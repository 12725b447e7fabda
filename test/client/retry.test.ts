import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { HawserClient } from '../../client/index.js';
import { openCloud } from '../../dev/cloud.js';
import { startEnvironment, type Environment } from '../../dev/environment.js';
import type { Cloud } from '../../openstack/index.js';

const stateDir = mkdtempSync(join(tmpdir(), 'hawser-retry-'));
let environment: Environment;
let client: HawserClient;
let cloud: Cloud;

beforeAll(async () => {
  environment = await startEnvironment({
    stateDir,
    cloud: { hosts: 'simulated' },
    temporalDatabase: 'memory',
  });
  client = await HawserClient.connect({ address: environment.temporalAddress });
  cloud = openCloud(environment.cloudsYaml, 'hawser');
});

afterAll(async () => {
  await cloud?.session.close();
  await client?.close();
  await environment?.stop();
  rmSync(stateDir, { recursive: true, force: true });
});

/** A share whose volume has a snapshot that nobody knows of: Cinder refuses to delete it. */
async function failToDelete(id: string): Promise<{ snapshotId: string; volumeId: string }> {
  const spec = { id, protocol: 'NFS', sizeGib: 1, shareNetwork: 'demo-net' } as const;
  await client.createShare(spec);
  const { volumeId } = await client.waitForShare(id);
  const snapshot = { volumeId: volumeId ?? '', name: 'theirs', metadata: {} };
  const { id: snapshotId } = await cloud.blockStorage.createSnapshot(snapshot);
  await expect
    .poll(async () => (await cloud.blockStorage.getSnapshot(snapshotId)).status)
    .toBe('available');
  await client.deleteShare(id);
  await expect(client.waitUntilDeleted(id)).rejects.toMatchObject({ type: 'VolumeFailed' });
  return { snapshotId, volumeId: volumeId ?? '' };
}

async function removeSnapshot(id: string): Promise<void> {
  await cloud.blockStorage.deleteSnapshot(id);
  await expect.poll(() => cloud.blockStorage.findSnapshot(id)).toBeUndefined();
}

test('a deletion that failed shows its next try, and a retry ends it once nothing is in its way', async () => {
  const { snapshotId } = await failToDelete('busy');
  const shown = await environment.hawser(['share', 'show', 'busy']);
  expect(shown.stdout).toMatch(/^Status +error_deleting$/m);
  expect(shown.stdout).toMatch(/^Retry +deleteShare failed once, first just now: .*snapshots/m);
  expect(shown.stdout).toMatch(/next try in \d+ s \(.*\); at once with: hawser retry$/m);
  await expect
    .poll(async () => (await environment.hawser(['share', 'list'])).stdout)
    .toMatch(/^busy +error_deleting, retried/m);

  const failed = await environment.hawser(['retry', 'share', 'busy']);
  expect(failed.code).toBe(1);
  expect(failed.stderr).toContain(snapshotId);
  expect((await client.getShare('busy')).retry).toMatchObject({ attempts: 2 });

  await removeSnapshot(snapshotId);
  const done = await environment.hawser(['retry', 'share', 'busy', '-o', 'json']);
  expect(done.code, done.stdout + done.stderr).toBe(0);
  expect(JSON.parse(done.stdout)).toEqual({ shareId: 'busy', done: true });
  await client.waitUntilDeleted('busy');
});

test('a share that is given up is forgotten, and the sweep finds what is left of it', async () => {
  const { snapshotId, volumeId } = await failToDelete('hopeless');
  const said = await environment.hawser(['give-up', 'share', 'hopeless']);
  expect(said.code, said.stderr).toBe(0);
  expect(said.stdout).toContain('hawser sweep');
  const gone = await environment.hawser(['share', 'show', 'hopeless', '-o', 'json']);
  expect(JSON.parse(gone.stdout)).toMatchObject({ error: { type: 'ShareNotFound' } });
  expect((await client.listInstances())[0]?.shares).toEqual([]);

  expect(await client.sweep({ backend: 'generic' })).toMatchObject({
    orphans: [{ kind: 'volume', id: volumeId, why: 'share hopeless is gone', state: 'young' }],
  });
  await removeSnapshot(snapshotId);
  expect(await client.sweep({ backend: 'generic', remove: true, graceSeconds: 0 })).toMatchObject({
    orphans: [{ id: volumeId, state: 'removed' }],
  });
});

test('what did not fail is neither retried nor given up', async () => {
  const spec = { id: 'fine', protocol: 'NFS', sizeGib: 1, shareNetwork: 'demo-net' } as const;
  await client.createShare(spec);
  const { serviceInstance } = await client.waitForShare('fine');
  const instance = serviceInstance ?? '';
  for (const [command = '', ...what] of [
    ['retry', 'share', 'fine'],
    ['give-up', 'share', 'fine'],
    ['give-up', 'snapshot', 'fine', 'none'],
    ['retry', 'instance', instance],
    ['give-up', 'instance', instance],
  ]) {
    const said = await environment.hawser([command, ...what, '-o', 'json']);
    expect(said.code).toBe(1);
    expect(JSON.parse(said.stdout), what.join(' ')).toMatchObject({
      error: { type: 'NothingToRetry' },
    });
  }
});
