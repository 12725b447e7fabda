import { Readable } from 'node:stream';
import { describe, expect, onTestFinished, test } from 'vitest';
import { listAll } from '../../openstack/paging.js';
import type { NewImage } from '../../openstack/image.js';
import { z } from 'zod';
import { connectAs, newName, refusal, refusalOf, unknownId } from './clouds.js';

const demo = connectAs('demo');
const hawser = connectAs('hawser');

async function createImage(more: Partial<NewImage> = {}) {
  const image = await hawser.image.createImage({
    name: newName('image'),
    diskFormat: 'raw',
    visibility: 'private',
    ...more,
  });
  onTestFinished(() => hawser.image.deleteImage(image.id));
  return image;
}

const upload = (id: string) =>
  hawser.image.uploadImage(id, Readable.from([Buffer.alloc(1024)]), 1024);

describe('the service image', () => {
  test('is found by its name, active', async () => {
    expect(await demo.image.findImages({ name: 'manila-service-image' })).toEqual([
      expect.objectContaining({ status: 'active', visibility: 'public', minDiskGib: 0 }),
    ]);
  });
});

describe('an image', () => {
  test('is queued until it has its data, and gone when it was deleted', async () => {
    const { id, status } = await createImage({ properties: { hawser_recipe: 'one' } });
    expect(status).toBe('queued');
    await upload(id);
    expect(await hawser.image.getImage(id)).toMatchObject({ status: 'active', sizeBytes: 1024 });
    await hawser.image.deleteImage(id);
    expect((await refusalOf(hawser.image.getImage(id))).status).toBe(404);
  });

  test('takes its data only once', async () => {
    const { id } = await createImage();
    await upload(id);
    expect((await refusalOf(upload(id))).status).toBe(409);
  });

  test('that is private is as if it did not exist for others', async () => {
    const { id, name } = await createImage();
    expect((await refusalOf(demo.image.getImage(id))).status).toBe(404);
    expect(await demo.image.findImages({ name })).toEqual([]);
  });

  test('of an unknown id is answered with 404, and its deletion counts as done', async () => {
    expect((await refusalOf(demo.image.getImage(unknownId))).status).toBe(404);
    await demo.image.deleteImage(unknownId);
  });

  test('of a disk format that Glance does not know is refused with 400', async () => {
    const wrong = { diskFormat: 'floppy' as 'raw' };
    expect((await refusalOf(createImage(wrong))).status).toBe(400);
  });
});

describe('a list of images', () => {
  test('by name has exactly those, for names are not unique', async () => {
    const name = newName('twin');
    const twins = [await createImage({ name }), await createImage({ name })];
    await createImage({ name: `${name}-longer` });
    const found = await hawser.image.findImages({ name });
    expect(found.map(({ id }) => id).sort()).toEqual(twins.map(({ id }) => id).sort());
  });

  test('comes in pages that link to the next', async () => {
    const name = newName('page');
    const made = [];
    for (let count = 0; count < 3; count += 1) made.push((await createImage({ name })).id);
    const call = { service: 'image', path: '/images', query: { name, limit: 1 } } as const;
    const listed = await listAll(hawser.session, call, 'images', z.object({ id: z.string() }));
    expect(listed.map(({ id }) => id).sort()).toEqual(made.sort());
    expect(
      await refusal(listAll(hawser.session, { ...call, query: { limit: -1 } }, 'images', z.any())),
    ).toMatch(/^400 /);
  });
});
