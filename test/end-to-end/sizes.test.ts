import { describe, expect, test } from 'vitest';
import type { AccessRule, ShareView } from '../../client/index.js';
import type { ShareClient } from '../../dev/tenant-client.js';
import { differences, listResources } from '../../dev/resources.js';
import { addSambaUsers } from '../support/samba-users.js';
import {
  createShare,
  endToEnd,
  hawser as hawserOf,
  pathOf,
  readOnly,
  refused,
  size,
} from '../support/end-to-end.js';

const story = endToEnd({
  moreBackends: () => ({ generic: { share_helpers: 'CIFS=CIFSHelperUserAccess,NFS=NFSHelper' } }),
});
const hawser = async <T = ShareView>(line: string, ...more: string[]) =>
  hawserOf<T>(story, line, ...more);

/** A share without a rule is none at all to Samba. */
const closed = /NT_STATUS_BAD_NETWORK_NAME|NT_STATUS_ACCESS_DENIED/;

interface Written {
  share: ShareView;
  /** The name of the file in it. */
  file: string;
  checksum: string;
}

let nfs: Written;

async function written(share: ShareView, client: ShareClient): Promise<Written> {
  const file = 'kept';
  return { share, file, checksum: await client.write(pathOf(share), file, size) };
}

/** The file is as it was, the client that a rule names may write, and another one is not let in. */
async function requireService(
  { share, file, checksum }: Written,
  friend: ShareClient = story.friend,
  stranger: ShareClient = story.stranger,
): Promise<void> {
  expect(await friend.read(pathOf(share), file)).toBe(checksum);
  const { written: sent, read } = await friend.writeAndRead(pathOf(share), size);
  expect(read).toBe(sent);
  await expect(stranger.list(pathOf(share))).rejects.toThrow(refused);
}

const volumeOf = ({ share }: Written) => story.cloud.blockStorage.getVolume(share.volumeId ?? '');

test('an NFS share is extended with its data, and its clients have it back', async () => {
  const share = await createShare(story, 'e2e-sizes-nfs', 'NFS');
  await hawser(`access allow ${share.id} --to ${story.friend.address} --level rw`);
  nfs = await written(share, story.friend);
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

describe('a CIFS share that takes rules for users', () => {
  const id = 'e2e-sizes-cifs';
  const user = (name: string) => ({ name, password: 'Ferry-7-lantern' });
  const as = (name: string) => story.friend.as(user(name));
  const allow = (name: string, level: string) =>
    hawser<AccessRule>(`access allow ${id} --user ${name} --level ${level}`);
  let share: ShareView;

  test('lets nobody in at first', async () => {
    share = await createShare(story, id, 'CIFS');
    expect(share.accessBy).toBe('user');
    await addSambaUsers(story, share.serviceInstance ?? '', ['alice', 'bob', 'carol'].map(user));
    await expect(as('alice').list(pathOf(share))).rejects.toThrow(closed);
    await expect(story.friend.list(pathOf(share))).rejects.toThrow(closed);
  });

  test('lets in exactly its users, each at his level, from any machine', async () => {
    expect(await allow('alice', 'rw')).toMatchObject({
      type: 'user',
      to: 'alice',
      state: 'active',
    });
    await allow('bob', 'ro');
    const { written: sent, read } = await as('alice').writeAndRead(pathOf(share), size);
    expect(read).toBe(sent);
    expect(await story.stranger.as(user('bob')).list(pathOf(share))).toContain('hawser-was-here');
    await expect(as('bob').writeAndRead(pathOf(share), size)).rejects.toThrow(readOnly);
    await expect(as('carol').list(pathOf(share))).rejects.toThrow(refused);
    await expect(story.friend.list(pathOf(share))).rejects.toThrow(refused);
    const impostor = story.friend.as({ name: 'alice', password: 'guessed' });
    await expect(impostor.list(pathOf(share))).rejects.toThrow('NT_STATUS_LOGON_FAILURE');
  });

  test('changes the level of a user, and sends one away', async () => {
    expect(await hawser(`access change ${id} bob --level rw`)).toMatchObject({ level: 'rw' });
    const { written: sent, read } = await as('bob').writeAndRead(pathOf(share), size);
    expect(read).toBe(sent);
    await hawser(`access change ${id} bob --level ro`);
    await expect(as('bob').writeAndRead(pathOf(share), size)).rejects.toThrow(readOnly);
    await hawser(`access deny ${id} bob`);
    await expect(as('bob').list(pathOf(share))).rejects.toThrow(refused);
  });

  test('is extended with its data, and its users have it back', async () => {
    const before = await written(share, as('alice'));
    const view = await hawser(`share extend ${id} --size 2`);
    expect(view).toMatchObject({ status: 'available', sizeGib: 2, volumeSizeGib: 2, error: null });
    await requireService(before, as('alice'), as('bob'));
  });
});

test('when everything is deleted the cloud is what it was before', async () => {
  for (const { id } of await hawser<ShareView[]>('share list')) await hawser(`share delete ${id}`);
  await hawser(`instance delete ${nfs.share.serviceInstance}`);
  await story.friend.close();
  await story.stranger.close();
  expect(differences(story.before, await listResources(story.cloud))).toEqual([]);
});
