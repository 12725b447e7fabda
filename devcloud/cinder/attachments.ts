import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { mayTouch, type Caller } from '../api/caller.js';
import { conflict } from '../api/errors.js';
import { queryOf } from '../api/lists.js';
import { parseBody } from '../api/parse.js';
import { operation } from '../api/service.js';
import type { Cloud } from '../cloud.js';
import { complete, connect, release, reserve } from './attaching.js';
import { attachmentNotFound } from './errors.js';
import type { Attachment } from './rows.js';
import { attachmentSummary, attachmentView } from './views.js';
import type { OnePath } from './find-volume.js';

const connector = z.record(z.string(), z.unknown());
const createRequest = z.object({
  attachment: z.object({
    volume_uuid: z.string(),
    instance_uuid: z.string().nullish(),
    connector: connector.nullish(),
    mode: z.enum(['rw', 'ro']).nullish(),
  }),
});
const updateRequest = z.object({ attachment: z.object({ connector }) });

/** The attachments API, since microversion 3.27. */
export function attachmentRoutes(app: FastifyInstance, cloud: Cloud): void {
  const table = cloud.tables.attachments;

  app.post('/attachments', operation('attachment.create'), (request) => {
    const ask = parseBody(createRequest, request.body).attachment;
    const reserved = reserve(cloud, request.caller, {
      volumeId: ask.volume_uuid,
      serverId: ask.instance_uuid ?? null,
    });
    const row = table.put({
      ...reserved,
      mode: ask.mode ?? null,
      connector: ask.connector ?? null,
    });
    return { attachment: attachmentView(ask.connector ? connect(cloud, row, null) : row) };
  });

  const list = (caller: Caller, query: URLSearchParams): Attachment[] => {
    const everyone = caller.isAdmin && query.has('all_tenants');
    return table.where(
      (row) =>
        (everyone || row.projectId === caller.projectId) &&
        (!query.has('volume_id') || query.get('volume_id') === row.volumeId) &&
        (!query.has('instance_id') || query.get('instance_id') === row.serverId) &&
        (!query.has('status') || query.get('status') === row.status),
    );
  };
  app.get('/attachments', operation('attachment.list'), (request) => ({
    attachments: list(request.caller, queryOf(request)).map(attachmentSummary),
  }));
  app.get('/attachments/detail', operation('attachment.list'), (request) => ({
    attachments: list(request.caller, queryOf(request)).map(attachmentView),
  }));

  const find = (caller: Caller, id: string): Attachment => {
    const row = table.get(id);
    if (!row || !mayTouch(caller, row)) throw attachmentNotFound(id);
    return row;
  };

  app.get<OnePath>('/attachments/:id', operation('attachment.show'), (request) => ({
    attachment: attachmentView(find(request.caller, request.params.id)),
  }));

  app.put<OnePath>('/attachments/:id', operation('attachment.update'), (request) => {
    const row = find(request.caller, request.params.id);
    const ask = parseBody(updateRequest, request.body).attachment;
    return {
      attachment: attachmentView(connect(cloud, { ...row, connector: ask.connector }, null)),
    };
  });

  app.post<OnePath>(
    '/attachments/:id/action',
    operation('attachment.complete'),
    (request, reply) => {
      complete(cloud, find(request.caller, request.params.id).id);
      return reply.status(204).send();
    },
  );

  app.delete<OnePath>('/attachments/:id', operation('attachment.delete'), (request) => {
    const row = find(request.caller, request.params.id);
    if (cloud.tables.volumeMappings.find(({ attachmentId }) => attachmentId === row.id)) {
      throw conflict(`Detach volume from instance ${row.serverId} using the Compute API`);
    }
    release(cloud, row.volumeId, row.id);
    const left = table.where(({ volumeId }) => volumeId === row.volumeId);
    return { attachments: left.map(attachmentSummary) };
  });
}
