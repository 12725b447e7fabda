import type { Readable } from 'node:stream';
import { z } from 'zod';
import { createApi, saidTwice } from './api.js';
import * as field from './fields.js';
import { path } from './query.js';
import type { Requester } from './session.js';

const imageSchema = z
  .object({
    id: field.id,
    name: z.string().nullish(),
    status: z.string(),
    min_disk: field.whole.nullish(),
    min_ram: field.whole.nullish(),
    size: field.whole.nullish(),
    visibility: z.string(),
    created_at: field.time,
  })
  .transform((image) => ({
    id: image.id,
    name: image.name ?? '',
    /** `queued`, `saving`, `active`, `deactivated`, `killed`… */
    status: image.status,
    minDiskGib: image.min_disk ?? 0,
    minRamMib: image.min_ram ?? 0,
    /** Null before its data is there. */
    sizeBytes: image.size ?? null,
    visibility: image.visibility,
    /** ISO 8601 */
    createdAt: image.created_at,
  }));

export type Image = z.infer<typeof imageSchema>;

export interface NewImage {
  name: string;
  diskFormat: 'qcow2' | 'raw';
  minDiskGib?: number | undefined;
  minRamMib?: number | undefined;
  visibility?: 'private' | 'shared' | 'community' | 'public' | undefined;
  /** Glance keeps properties beside its own fields: `hw_disk_bus`, `hawser_recipe`… */
  properties?: Record<string, string> | undefined;
}

const UPLOAD_LIMIT_MS = 60 * 60_000;

export type Images = ReturnType<typeof createImages>;

/** Glance. `find*` may return nothing, `get*` throws, `delete*` of what is gone is success. */
export function createImages(requester: Requester) {
  const service = 'image';
  const api = createApi(requester, service);

  return {
    getImage: async (id: string): Promise<Image> =>
      saidTwice(() =>
        requester.request({
          service,
          method: 'GET',
          path: path`/images/${id}`,
          schema: imageSchema,
        }),
      ),

    /** All images of exactly this name that the project can see: names are not unique. */
    findImages: async ({ name }: { name: string }): Promise<Image[]> =>
      (await api.list('/images', 'images', imageSchema, { name })).filter(
        (image) => image.name === name,
      ),

    /** Makes an image without data, `queued`. NOT safe to repeat: a second call makes a second image. */
    createImage: async (image: NewImage): Promise<Image> =>
      requester.request({
        service,
        method: 'POST',
        path: '/images',
        body: {
          ...image.properties,
          name: image.name,
          disk_format: image.diskFormat,
          container_format: 'bare',
          min_disk: image.minDiskGib,
          min_ram: image.minRamMib,
          visibility: image.visibility,
        },
        schema: imageSchema,
      }),

    /** Gives a queued image its data; takes an hour at most. */
    uploadImage: async (id: string, data: Readable, sizeBytes?: number): Promise<void> =>
      requester.send({
        service,
        method: 'PUT',
        path: path`/images/${id}/file`,
        headers: {
          'content-type': 'application/octet-stream',
          ...(sizeBytes === undefined ? {} : { 'content-length': String(sizeBytes) }),
        },
        stream: data,
        timeoutMs: UPLOAD_LIMIT_MS,
      }),

    deleteImage: async (id: string): Promise<void> => {
      await api.remove(path`/images/${id}`);
    },
  };
}
