import { expect, test } from 'vitest';
import type { ShareView } from '../../client/index.js';
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
const hawser = async <T = ShareView>(line: string, ...more: string[]) =>
  hawserOf<T>(story, line, ...more);

interface Written {
  share: ShareView;
  /** The name of the file in it. */
  file: string;
  checksum: string;
}

let nfs: Written;
let cifs: Written;

async function written(id: string, protocol: string): Promise<Written> {
  const share = await createShare(story, id, protocol);
  await hawser(`access allow ${id} --to ${story.friend.address} --level rw`);
  const { written: checksum } = await story.friend.writeAndRead(pathOf(share), size);
  const listed = await story.friend.list(pathOf(share));
  return { share, checksum, file: /hawser-was-here-\w+/.exec(listed)?.[0] ?? '' };
}

/** The file is as it was, the client of the rule may write, and nobody else is let in. */
async function requireService({ share, file, checksum }: Written): Promise<void> {
  expect(await story.friend.read(pathOf(share), file)).toBe(checksum);
  const { written: sent, read } = await story.friend.writeAndRead(pathOf(share), size);
  expect(read).toBe(sent);
  await expect(story.stranger.list(pathOf(share))).rejects.toThrow(refused);
}

const volumeOf = ({ share }: Written) => story.cloud.blockStorage.getVolume(share.volumeId ?? '');

test('an NFS share is extended with its data, and its clients have it back', async () => {
  nfs = await written('e2e-sizes-nfs', 'NFS');
  const view = await hawser(`share extend ${nfs.share.id} --size 2`);
  expect(view).toMatchObject({ status: 'available', sizeGib: 2, volumeSizeGib: 2, error: null });
  expect(view.exportLocations).toEqual(nfs.share.exportLocations);
  expect(await volumeOf(nfs)).toMatchObject({ status: 'in-use', sizeGib: 2 });
  await requireService(nfs);
});

test('repeating the create with its original size returns the same share', async () => {
  const again = await createShare(story, nfs.share.id, 'NFS');
  expect(again).toMatchObject({ createdAt: nfs.share.createdAt, sizeGib: 2 });
});

test('it is shrunk again, and its volume stays as it is', async () => {
  const before = await volumeOf(nfs);
  const view = await hawser(`share shrink ${nfs.share.id} --size 1`);
  expect(view).toMatchObject({ status: 'available', sizeGib: 1, volumeSizeGib: 2, error: null });
  expect(await volumeOf(nfs)).toEqual(before);
  await requireService(nfs);
});

test('extended once more, it finds its volume large enough and leaves it attached', async () => {
  const before = await volumeOf(nfs);
  const view = await hawser(`share extend ${nfs.share.id} --size 2`);
  expect(view).toMatchObject({ status: 'available', sizeGib: 2, volumeSizeGib: 2 });
  expect(await volumeOf(nfs)).toEqual(before);
  await requireService(nfs);
});

test('below its data it is not shrunk, and clients notice nothing', async () => {
  for (let part = 0; part < 6; part += 1) {
    await story.friend.write(pathOf(nfs.share), `part-${part}`, 180_000_000);
  }
  const line = `share shrink ${nfs.share.id} --size 1 -o json`;
  const { code, stdout } = await story.environment.hawser(line.split(' '));
  expect(code).toBe(1);
  expect(JSON.parse(stdout)).toMatchObject({ error: { type: 'ShrinkingPossibleDataLoss' } });
  expect(await hawser(`share show ${nfs.share.id}`)).toMatchObject({
    status: 'shrinking_possible_data_loss_error',
    sizeGib: 2,
  });
  await requireService(nfs);
});

test('a CIFS share is extended with its data, and its clients have it back', async () => {
  cifs = await written('e2e-sizes-cifs', 'CIFS');
  const view = await hawser(`share extend ${cifs.share.id} --size 2`);
  expect(view).toMatchObject({ status: 'available', sizeGib: 2, volumeSizeGib: 2, error: null });
  await requireService(cifs);
});

test('when everything is deleted the cloud is what it was before', async () => {
  for (const { id } of await hawser<ShareView[]>('share list')) await hawser(`share delete ${id}`);
  await hawser(`instance delete ${nfs.share.serviceInstance}`);
  await story.friend.close();
  await story.stranger.close();
  expect(differences(story.before, await listResources(story.cloud))).toEqual([]);
});
