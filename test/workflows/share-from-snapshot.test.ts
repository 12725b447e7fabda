import { ApplicationFailure } from '@temporalio/common';
import { expect, test } from 'vitest';
import { makeShare } from '../support/share-of-rig.js';
import { createRig, type Steps } from '../support/workflows.js';

const fromSnapshot = { shareId: 'source', snapshotId: 's1' };

const copied = {
  volumeId: 'vol1',
  path: '/shares/copy',
  exportName: 'copy',
  fileSystem: 'ext3',
} as const;

test('a share begins with the files of a snapshot: its volume is as large, its file system its own', async () => {
  const asked: Record<string, unknown> = {};
  const remember =
    <T>(name: string, answer: T) =>
    async (input: unknown) => {
      asked[name] = input;
      return answer;
    };
  const rig = await createRig({
    findVolumeSnapshot: remember('find', { volumeSnapshotId: 'c1', volumeSizeGib: 5 }),
    ensureVolume: remember('volume', { volumeId: 'vol1', volumeSizeGib: 5 }),
    renewFileSystem: remember('renew', copied),
    mountShare: remember('mount', copied),
  });
  await rig.run(async () => {
    const share = await makeShare(rig, { sizeGib: 3, fromSnapshot, availabilityZone: 'east' });
    expect(await share.view()).toMatchObject({
      sizeGib: 3,
      volumeId: 'vol1',
      volumeSizeGib: 5,
      fromSnapshot,
      availabilityZone: 'east',
    });
  });
  expect(asked).toMatchObject({
    find: fromSnapshot,
    volume: { sizeGib: 5, volumeSnapshotId: 'c1', availabilityZone: 'east' },
    renew: { volumeId: 'vol1', sizeGib: 3 },
    mount: { volumeId: 'vol1', location: copied },
  });
  expect(rig.calls).not.toContain('formatAndMount');
});

test('a share larger than its snapshot has a volume of its own size', async () => {
  const sizes: number[] = [];
  const ensureVolume: Steps['ensureVolume'] = async ({ sizeGib }) => {
    sizes.push(sizeGib);
    return { volumeId: 'vol1', volumeSizeGib: sizeGib };
  };
  const rig = await createRig({ ensureVolume });
  await rig.run(async () => {
    const share = await makeShare(rig, { sizeGib: 3, fromSnapshot });
    expect((await share.view()).volumeSizeGib).toBe(3);
  });
  expect(sizes).toEqual([3]);
});

test.each([
  ['findVolumeSnapshot', []],
  ['ensureVolume', ['deleteVolume']],
  ['renewFileSystem', ['detachVolume', 'deleteVolume']],
  ['mountShare', ['unmountShare', 'detachVolume', 'deleteVolume']],
] as const)('one that fails at %s leaves nothing of itself', async (name, undone) => {
  const rig = await createRig({
    [name]: async () => {
      throw ApplicationFailure.nonRetryable(`${name} broke`, 'SnapshotNotUsable');
    },
  });
  await rig.run(async () => {
    const share = await makeShare(rig, { fromSnapshot }, 'error');
    const { error, serviceInstance } = await share.view();
    expect(error).toEqual({ type: 'SnapshotNotUsable', message: `${name} broke` });
    expect(serviceInstance).toBeNull();
  });
  const undos = ['unmountShare', 'detachVolume', 'deleteVolume', 'deleteVolumeSnapshot'];
  expect(rig.calls.filter((call) => undos.includes(call))).toEqual(undone);
});
