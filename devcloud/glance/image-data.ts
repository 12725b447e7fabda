import { createReadStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import { mustBeAdmin } from '../api/caller.js';
import { ApiError, badRequest, conflict, forbidden } from '../api/errors.js';
import { operation } from '../api/service.js';
import type { Cloud } from '../cloud.js';
import { storeImage } from './image-files.js';
import { changeImage, findImage, findOwnImage, type OnePath } from './images.js';

export function imageDataRoutes(app: FastifyInstance, cloud: Cloud): void {
  // An image is streamed to its file, however large.
  app.addContentTypeParser('application/octet-stream', (_request, payload, done) =>
    done(null, payload),
  );

  app.put<OnePath>(
    '/v2/images/:id/file',
    { ...operation('image.upload'), bodyLimit: Number.MAX_SAFE_INTEGER },
    async (request, reply) => {
      const row = findOwnImage(cloud, request.caller, request.params.id);
      if (row.status !== 'queued') {
        throw conflict(`Image status transition from ${row.status} to saving is not allowed`);
      }
      if (!row.diskFormat || !row.containerFormat) {
        throw badRequest(
          'Properties disk_format, container_format must be set prior to saving data.',
        );
      }
      const { body } = request;
      if (!(body instanceof Readable)) throw badRequest('The image data must be an octet stream.');
      await receive(cloud, row.id, body);
      return reply.status(204).send();
    },
  );

  app.get<OnePath>('/v2/images/:id/file', operation('image.download'), (request, reply) => {
    const row = findImage(cloud, request.caller, request.params.id);
    if (row.status === 'deactivated' && !request.caller.isAdmin) {
      throw forbidden(
        'The requested image has been deactivated. Image data download is forbidden.',
      );
    }
    if (!row.file) return reply.status(204).send();
    return reply
      .type('application/octet-stream')
      .headers({
        'content-length': row.sizeBytes ?? 0,
        ...(row.checksum && { 'content-md5': row.checksum }),
      })
      .send(createReadStream(row.file));
  });

  app.delete<OnePath>('/v2/images/:id', operation('image.delete'), async (request, reply) => {
    const row = findOwnImage(cloud, request.caller, request.params.id);
    if (row.protected) {
      throw forbidden(`Image ${row.id} is protected and cannot be deleted.`);
    }
    cloud.tables.images.delete(row.id);
    // A file that was there before the image is not ours to delete.
    await rm(imageFile(cloud, row.id), { force: true });
    return reply.status(204).send();
  });

  for (const [verb, status] of [
    ['deactivate', 'deactivated'],
    ['reactivate', 'active'],
  ] as const) {
    app.post<OnePath>(
      `/v2/images/:id/actions/${verb}`,
      operation(`image.${verb}`),
      (request, reply) => {
        mustBeAdmin(request.caller, verb);
        const row = findOwnImage(cloud, request.caller, request.params.id);
        if (!['active', 'deactivated'].includes(row.status)) {
          throw forbidden(`Not allowed to ${verb} image in status '${row.status}'`);
        }
        changeImage(cloud, row.id, { status });
        return reply.status(204).send();
      },
    );
  }
}

const imageFile = ({ stateDir }: Cloud, id: string): string => join(stateDir, 'images', id);

async function receive(cloud: Cloud, id: string, data: Readable): Promise<void> {
  changeImage(cloud, id, { status: 'saving' });
  const file = imageFile(cloud, id);
  try {
    const stored = await storeImage(data, file);
    changeImage(cloud, id, { ...stored, file, status: 'active' });
  } catch (error) {
    changeImage(cloud, id, { status: 'queued' });
    cloud.log.warn({ err: error, image: id }, 'The upload broke off');
    throw new ApiError(400, 'Client disconnected before sending all data to backend');
  }
}
