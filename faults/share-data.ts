import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { takePicture, type Picture } from './picture.js';
import { checksumOf, type Stage } from './scenario.js';

const fileName = 'written-before';

/** Writes something into a share that is mounted, as a client would. */
export async function writeData(stage: Stage, shareId: string): Promise<void> {
  const picture = await takePicture(stage.bench, stage.lane);
  const folder = folderOf(picture, shareId);
  if (folder === undefined) throw new Error(`share ${shareId} is mounted nowhere`);
  const content = `${shareId} ${Math.random()}\n`.repeat(100);
  await writeFile(join(folder, fileName), content);
  stage.data.set(shareId, checksumOf(content));
}

/** Why what was written into a share cannot be read any more, or undefined. */
export async function lostData(
  stateDir: string,
  picture: Picture,
  shareId: string,
  checksum: string,
): Promise<string | undefined> {
  const folder = folderOf(picture, shareId) ?? contentOf(stateDir, picture, shareId);
  if (folder === undefined) return `share ${shareId} has no volume any more`;
  const content = await readFile(join(folder, fileName), 'utf8').catch(() => undefined);
  if (content === undefined) {
    return `what was written into share ${shareId} is gone; there is ${(await readdir(folder).catch(() => [])).join(', ') || 'nothing'}`;
  }
  return checksumOf(content) === checksum ? undefined : `share ${shareId} has other data now`;
}

const volumeOf = ({ shares }: Picture, shareId: string) =>
  shares.find(({ id }) => id === shareId)?.volumeId ?? undefined;

function folderOf(picture: Picture, shareId: string): string | undefined {
  const mounts = picture.guests.flatMap((guest) => guest.mounts);
  const volumeId = volumeOf(picture, shareId);
  const mount = mounts.find(
    ({ volumeFile, target }) =>
      (volumeId !== undefined && volumeFile.includes(volumeId)) ||
      target.endsWith(`/share-${shareId}`),
  );
  return mount?.directory;
}

/** Where the content of a file system is that is not mounted. */
function contentOf(stateDir: string, picture: Picture, shareId: string): string | undefined {
  const volumeId = volumeOf(picture, shareId);
  const volume = picture.holdings['volumes']?.find(
    ({ id, name }) => id === volumeId || name === `manila-share-${shareId}`,
  );
  return volume && join(stateDir, 'cloud/volumes', `${volume.id}.raw.content`);
}
