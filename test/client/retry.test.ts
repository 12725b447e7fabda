import { expect, test } from 'vitest';
import { simulatedEnvironment } from '../support/simulated-environment.js';

const story = simulatedEnvironment('retry');

/** A share whose volume has a snapshot that nobody knows of: Cinder refuses to delete it. */
async function failToDelete(id: string): Promise<{ snapshotId: string; volumeId: string }> {
  const spec = { id, protocol: 'NFS', sizeGib: 1, shareNetwork: 'demo-net' } as const;
  await story.client.createShare(spec);
  const { volumeId } = await story.client.waitForShare(id);
  const snapshot = { volumeId: volumeId ?? '', name: 'theirs', metadata: {} };
  const { id: snapshotId } = await story.cloud.blockStorage.createSnapshot(snapshot);
  await expect
    .poll(async () => (await story.cloud.blockStorage.getSnapshot(snapshotId)).status)
    .toBe('available');
  await story.client.deleteShare(id);
  await expect(story.client.waitUntilDeleted(id)).rejects.toMatchObject({ type: 'VolumeFailed' });
  return { snapshotId, volumeId: volumeId ?? '' };
}

async function removeSnapshot(id: string): Promise<void> {
  await story.cloud.blockStorage.deleteSnapshot(id);
  await expect.poll(() => story.cloud.blockStorage.findSnapshot(id)).toBeUndefined();
}

test('a deletion that failed shows its next try, and a retry ends it once nothing is in its way', async () => {
  const { snapshotId } = await failToDelete('busy');
  const shown = await story.environment.hawser(['share', 'show', 'busy']);
  expect(shown.stdout).toMatch(/^Status +error_deleting$/m);
  expect(shown.stdout).toMatch(/^Retry +deleteShare failed once, first just now: .*snapshots/m);
  expect(shown.stdout).toMatch(/next try in \d+ s \(.*\); at once with: hawser retry$/m);
  await expect
    .poll(async () => (await story.environment.hawser(['share', 'list'])).stdout)
    .toMatch(/^busy +error_deleting, retried/m);

  const failed = await story.environment.hawser(['retry', 'share', 'busy']);
  expect(failed.code).toBe(1);
  expect(failed.stderr).toContain(snapshotId);
  expect((await story.client.getShare('busy')).retry).toMatchObject({ attempts: 2 });

  await removeSnapshot(snapshotId);
  const done = await story.environment.hawser(['retry', 'share', 'busy', '-o', 'json']);
  expect(done.code, done.stdout + done.stderr).toBe(0);
  expect(JSON.parse(done.stdout)).toEqual({ shareId: 'busy', done: true });
  await story.client.waitUntilDeleted('busy');
});

test('a share that is given up is forgotten, and the sweep finds what is left of it', async () => {
  const { snapshotId, volumeId } = await failToDelete('hopeless');
  const said = await story.environment.hawser(['give-up', 'share', 'hopeless']);
  expect(said.code, said.stderr).toBe(0);
  expect(said.stdout).toContain('hawser sweep');
  const gone = await story.environment.hawser(['share', 'show', 'hopeless', '-o', 'json']);
  expect(JSON.parse(gone.stdout)).toMatchObject({ error: { type: 'ShareNotFound' } });
  expect((await story.client.listInstances())[0]?.shares).toEqual([]);

  expect(await story.client.sweep({ backend: 'generic' })).toMatchObject({
    orphans: [{ kind: 'volume', id: volumeId, why: 'share hopeless is gone', state: 'young' }],
  });
  await removeSnapshot(snapshotId);
  expect(
    await story.client.sweep({ backend: 'generic', remove: true, graceSeconds: 0 }),
  ).toMatchObject({
    orphans: [{ id: volumeId, state: 'removed' }],
  });
});

test('what did not fail is neither retried nor given up', async () => {
  const spec = { id: 'fine', protocol: 'NFS', sizeGib: 1, shareNetwork: 'demo-net' } as const;
  await story.client.createShare(spec);
  const { serviceInstance } = await story.client.waitForShare('fine');
  const instance = serviceInstance ?? '';
  for (const [command = '', ...what] of [
    ['retry', 'share', 'fine'],
    ['give-up', 'share', 'fine'],
    ['give-up', 'snapshot', 'fine', 'none'],
    ['retry', 'instance', instance],
    ['give-up', 'instance', instance],
  ]) {
    const said = await story.environment.hawser([command, ...what, '-o', 'json']);
    expect(said.code).toBe(1);
    expect(JSON.parse(said.stdout), what.join(' ')).toMatchObject({
      error: { type: 'NothingToRetry' },
    });
  }
});
