import { expect, test } from 'vitest';
import type { BackendStatistics } from '../../client/index.js';
import { createShare, endToEnd, hawser, pathOf } from '../support/end-to-end.js';

const story = endToEnd();
const show = async () => hawser<BackendStatistics>(story, 'backend show generic');
const usedOf = ({ shares }: BackendStatistics, id: string) =>
  shares.find((share) => share.id === id)?.usage?.usedBytes ?? NaN;

const written = 5_000_000;

test('what a client writes is used, of its share and of no other', async () => {
  const [share] = await Promise.all([
    createShare(story, 'e2e-used', 'NFS'),
    createShare(story, 'e2e-unused', 'NFS'),
  ]);
  await hawser(story, `access allow e2e-used --to ${story.friend.address} --level rw`);
  const before = await show();
  expect(before.problems).toEqual([]);
  expect(before.shares.map(({ id }) => id)).toEqual(['e2e-unused', 'e2e-used']);
  await story.friend.writeAndRead(pathOf(share), written);
  const grown = async () => usedOf(await show(), 'e2e-used') - usedOf(before, 'e2e-used');
  await expect.poll(grown, { timeout: 60_000 }).toBeGreaterThanOrEqual(written);
  const after = await show();
  expect(usedOf(after, 'e2e-used') - usedOf(before, 'e2e-used')).toBeLessThan(written * 1.2);
  expect(usedOf(after, 'e2e-unused')).toBe(usedOf(before, 'e2e-unused'));
});

test('the quota and the places of the backend are what the cloud and the instance have', async () => {
  const { capabilities, volumeQuota, instances, placesFree } = await show();
  expect(volumeQuota).toEqual(await story.cloud.blockStorage.getLimits());
  expect(capabilities).toMatchObject({ provisioned_capacity_gb: 2, allocated_capacity_gb: 2 });
  expect(instances).toMatchObject([{ status: 'active', shares: 2, problem: null }]);
  expect(placesFree).toBe(24);
});
