import type { Files, Guests, Mount } from './guests.js';
import { takePicture, type Picture } from './picture.js';
import { checksumOf, type Stage } from './scenario.js';

const fileName = 'written-before';

/** Writes something into a share that is mounted, as a client would. */
export async function writeData(stage: Stage, shareId: string): Promise<void> {
  const picture = await takePicture(stage.bench, stage.lane);
  const mount = mountOf(picture, shareId);
  if (!mount) throw new Error(`share ${shareId} is mounted nowhere`);
  const content = `${shareId} ${Math.random()}\n`.repeat(100);
  await mount.files.write(fileName, content);
  stage.data.set(shareId, checksumOf(content));
}

/** Why what was written into a share cannot be read any more, or undefined. */
export async function lostData(
  guests: Guests,
  picture: Picture,
  shareId: string,
  checksum: string,
): Promise<string | undefined> {
  const files = mountOf(picture, shareId)?.files ?? unmounted(guests, picture, shareId);
  if (!files) return `share ${shareId} has no volume any more`;
  const content = await files.read(fileName);
  if (content === undefined) {
    return `what was written into share ${shareId} is gone; there is ${(await files.names()).join(', ') || 'nothing'}`;
  }
  return checksumOf(content) === checksum ? undefined : `share ${shareId} has other data now`;
}

const volumeOf = ({ shares }: Picture, shareId: string) =>
  shares.find(({ id }) => id === shareId)?.volumeId ?? undefined;

/** Where a share's file system is mounted; undefined when it is nowhere. */
export function mountOf(picture: Picture, shareId: string): Mount | undefined {
  const mounts = picture.guests.flatMap((guest) => guest.mounts);
  const volumeId = volumeOf(picture, shareId);
  return mounts.find(
    ({ volume, target }) =>
      (volumeId !== undefined && volume.includes(volumeId.slice(0, 20))) ||
      target.endsWith(`/share-${shareId}`),
  );
}

/** Of a file system that is not mounted. */
function unmounted(guests: Guests, picture: Picture, shareId: string): Files | undefined {
  const volumeId = volumeOf(picture, shareId);
  const volume = picture.holdings['volumes']?.find(
    ({ id, name }) => id === volumeId || name === `manila-share-${shareId}`,
  );
  return volume && guests.filesOn(volume.id);
}
