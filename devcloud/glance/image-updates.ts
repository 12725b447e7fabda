import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { badRequest, conflict, forbidden } from '../api/errors.js';
import { intish } from '../api/parse.js';
import { operation } from '../api/service.js';
import type { Cloud } from '../cloud.js';
import { changeImage, findOwnImage, imageView, type OnePath } from './images.js';
import type { Image } from './rows.js';

const patchRequest = z.array(
  z.object({
    op: z.enum(['add', 'replace', 'remove']),
    path: z.string().regex(/^\/[^/]+$/),
    value: z.unknown().optional(),
  }),
);

/** The fields that a patch may name; every other name is one of the image's own properties. */
const known: Record<string, (value: unknown) => Partial<Image>> = {
  name: (value) => ({ name: z.string().nullable().parse(value) }),
  visibility: (value) => ({
    visibility: z.enum(['public', 'private', 'shared', 'community']).parse(value),
  }),
  disk_format: (value) => ({ diskFormat: z.string().nullable().parse(value) }),
  container_format: (value) => ({ containerFormat: z.string().nullable().parse(value) }),
  min_disk: (value) => ({ minDisk: intish.parse(value) }),
  min_ram: (value) => ({ minRam: intish.parse(value) }),
  protected: (value) => ({ protected: z.boolean().parse(value) }),
  os_hidden: (value) => ({ hidden: z.boolean().parse(value) }),
  tags: (value) => ({ tags: z.array(z.string()).parse(value) }),
  owner: (value) => ({ owner: z.string().parse(value) }),
};

const readOnly = [
  'id',
  'status',
  'size',
  'checksum',
  'created_at',
  'updated_at',
  'file',
  'self',
  'schema',
];

export function imageUpdateRoutes(app: FastifyInstance, cloud: Cloud): void {
  app.addContentTypeParser(
    /^application\/openstack-images-v2\.1-json-patch/,
    { parseAs: 'string' },
    app.getDefaultJsonParser('error', 'error'),
  );

  app.patch<OnePath>('/v2/images/:id', operation('image.update'), (request) => {
    const row = findOwnImage(cloud, request.caller, request.params.id);
    const patch = patchRequest.safeParse(request.body);
    if (!patch.success) throw badRequest('Request body must be a JSON array of operation objects.');
    let next = row;
    for (const { op, path, value } of patch.data) next = patched(next, op, path.slice(1), value);
    if (next.visibility === 'public' && row.visibility !== 'public' && !request.caller.isAdmin) {
      throw forbidden('You are not authorized to complete publicize_image action.');
    }
    return imageView(changeImage(cloud, row.id, next) ?? next);
  });

  interface TagPath {
    Params: { id: string; tag: string };
  }
  app.put<TagPath>('/v2/images/:id/tags/:tag', operation('image.tag'), (request, reply) => {
    const row = findOwnImage(cloud, request.caller, request.params.id);
    changeImage(cloud, row.id, { tags: [...new Set([...row.tags, request.params.tag])] });
    return reply.status(204).send();
  });
  app.delete<TagPath>('/v2/images/:id/tags/:tag', operation('image.untag'), (request, reply) => {
    const row = findOwnImage(cloud, request.caller, request.params.id);
    changeImage(cloud, row.id, { tags: row.tags.filter((tag) => tag !== request.params.tag) });
    return reply.status(204).send();
  });
}

function patched(row: Image, op: string, name: string, value: unknown): Image {
  if (readOnly.includes(name)) throw forbidden(`Attribute '${name}' is read-only.`);
  const field = known[name];
  if (field) {
    try {
      return { ...row, ...field(value) };
    } catch {
      throw badRequest(`Provided object does not match schema 'image': '${name}' is not valid`);
    }
  }
  const { [name]: former, ...others } = row.properties;
  if (op !== 'add' && former === undefined) {
    throw conflict(`Property ${name} does not exist.`);
  }
  return { ...row, properties: op === 'remove' ? others : { ...others, [name]: String(value) } };
}
