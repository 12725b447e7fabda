import { expect, test } from 'vitest';
import type { SweepReport } from '../../client/index.js';
import { simulatedEnvironment } from '../support/simulated-environment.js';

const story = simulatedEnvironment('sweep');

async function json(...args: string[]): Promise<SweepReport> {
  const said = await story.environment.hawser([...args, '-o', 'json']);
  expect(said.code, said.stdout + said.stderr).toBe(0);
  return JSON.parse(said.stdout) as SweepReport;
}

const statesAfter = async (...args: string[]) =>
  Object.fromEntries((await json(...args)).orphans.map(({ id, state }) => [id, state]));

const leak = async (shareId: string) =>
  story.cloud.blockStorage.createVolume({
    name: `manila-share-${shareId}`,
    sizeGib: 2,
    metadata: { 'hawser:share_id': shareId, 'hawser:backend': 'generic' },
  });

test('what was left over is told, removed when it is old enough, and the latest look is remembered', async () => {
  const spec = { id: 'one', protocol: 'NFS', sizeGib: 1, shareNetwork: 'demo-net' } as const;
  await story.client.createShare(spec);
  const { volumeId } = await story.client.waitForShare('one');
  const never = await story.environment.hawser(['sweep', '--last']);
  expect(never.stdout).toContain('No sweep of backend generic is known');

  await story.client.createShare({ ...spec, id: 'lost' });
  await story.client.waitForShare('lost');
  await story.client.deleteShare('lost');
  await story.client.waitUntilDeleted('lost');
  const { id } = await leak('lost');
  const said = await story.environment.hawser(['sweep']);
  expect(said.code, said.stderr).toBe(0);
  expect(said.stdout).toMatch(
    new RegExp(`^volume +${id} +2 GiB +just now +share lost +share lost is gone +young$`, 'm'),
  );
  expect(said.stdout).toContain('1 young; 2 GiB of volumes and snapshots.');
  await expect
    .poll(() => story.client.lastSweep('generic'))
    .toMatchObject({ orphans: [{ id, state: 'young' }] });

  expect(await json('sweep', '--delete')).toMatchObject({ orphans: [{ id, state: 'young' }] });
  expect(await json('sweep', '--delete', '--grace', '0s')).toMatchObject({
    graceSeconds: 0,
    orphans: [{ id, state: 'removed' }],
  });
  expect(await story.cloud.blockStorage.findVolume(id)).toBeUndefined();
  expect(await story.cloud.blockStorage.getVolume(volumeId ?? '')).toMatchObject({
    status: 'in-use',
  });
  const clean = await story.environment.hawser(['sweep']);
  expect(clean.stdout).toContain('Everything belongs to a share or a service instance.');
});

test('a share that is deleted leaves nothing to be found', async () => {
  await story.client.createSnapshot('one', { id: 'snap' });
  await story.client.deleteSnapshot('one', 'snap');
  await story.client.deleteShare('one');
  await story.client.waitUntilDeleted('one');
  expect(await json('sweep', '--grace', '0s')).toMatchObject({ orphans: [], problems: [] });
  const [instance] = await story.client.listInstances();
  await story.client.deleteInstance(instance?.id ?? '');
  await story.client.waitUntilInstanceDeleted(instance?.id ?? '');
  await expect.poll(() => story.client.listInstances()).toEqual([]);
  const deleted = await leak('one');
  const unknown = await leak('last');
  const refused = await story.environment.hawser(['sweep', '--delete', '--grace', '0s']);
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain('--even-if-nothing-lives');
  const remove = ['sweep', '--delete', '--grace', '0s', '--even-if-nothing-lives'];
  expect(await statesAfter(...remove)).toEqual({ [deleted.id]: 'removed', [unknown.id]: 'kept' });
  expect(await statesAfter(...remove, '--even-if-unknown')).toEqual({ [unknown.id]: 'removed' });
});

test.each([
  [['sweep', '--grace', 'soon'], 'a time such as'],
  [['sweep', '--last', '--delete'], 'cannot be used with'],
  [['sweep', '--backend', 'no good'], 'backend'],
])('%j is refused before anything is looked at', async (args, reason) => {
  const said = await story.environment.hawser(args);
  expect(said.code).toBe(2);
  expect(said.stderr).toContain(reason);
});
