import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { mayTouch, type Caller } from '../api/caller.js';
import { paginate, queryOf } from '../api/lists.js';
import { parseBody } from '../api/parse.js';
import { operation } from '../api/service.js';
import type { Cloud } from '../cloud.js';
import { randomSecret } from '../keystone/secrets.js';
import { createServer } from './create-server.js';
import { conflict } from '../api/errors.js';
import { getSetting } from '../settings.js';
import { serverNotFound } from './errors.js';
import type { Server } from './rows.js';
import { changeServer } from './server-jobs.js';
import { listServers } from './server-filters.js';
import { parseServerRequest } from './server-request.js';
import { createdView, serverSummary, serverView } from './views.js';

export interface OnePath {
  Params: { id: string };
}

export function findServer(cloud: Cloud, caller: Caller, id: string): Server {
  const row = cloud.tables.servers.get(id);
  if (!row || !mayTouch(caller, row)) throw serverNotFound(id);
  return row;
}

const updateRequest = z.object({
  server: z
    .object({
      name: z.string().min(1).max(255),
      description: z.string().max(255).nullable(),
      hostname: z.string(),
    })
    .partial(),
});

export function serverRoutes(app: FastifyInstance, cloud: Cloud): void {
  app.post('/servers', operation('server.create'), (request, reply) => {
    const ask = parseServerRequest(request.body, request.minor);
    const row = createServer(cloud, request.caller, ask);
    return reply
      .status(202)
      .header('location', `${cloud.url}/compute/v2.1/servers/${row.id}`)
      .send({ server: createdView(cloud, row, ask.adminPass ?? randomSecret().slice(0, 12)) });
  });

  const list = (request: FastifyRequest, view: (row: Server) => object, path: string) => {
    const query = queryOf(request);
    const { rows, next } = paginate(listServers(cloud, request), query);
    const href = `${cloud.url}/compute/v2.1${path}?${next}`;
    return { servers: rows.map(view), ...(next && { servers_links: [{ rel: 'next', href }] }) };
  };
  app.get('/servers', operation('server.list'), (request) =>
    list(request, (row) => serverSummary(cloud, row), '/servers'),
  );
  app.get('/servers/detail', operation('server.list'), (request) =>
    list(
      request,
      (row) => serverView(cloud, row, request.caller, request.minor),
      '/servers/detail',
    ),
  );

  app.get<OnePath>('/servers/:id', operation('server.show'), ({ caller, params, minor }) => ({
    server: serverView(cloud, findServer(cloud, caller, params.id), caller, minor),
  }));

  app.put<OnePath>(
    '/servers/:id',
    operation('server.update'),
    ({ caller, params, body, minor }) => {
      const row = findServer(cloud, caller, params.id);
      const ask = parseBody(updateRequest, body).server;
      const next = changeServer(cloud, row.id, {
        name: ask.name ?? row.name,
        description: ask.description === undefined ? row.description : ask.description,
        hostname: ask.hostname ?? row.hostname,
      });
      return { server: serverView(cloud, next ?? row, caller, minor) };
    },
  );

  app.delete<OnePath>('/servers/:id', operation('server.delete'), ({ caller, params }, reply) => {
    const server = findServer(cloud, caller, params.id);
    const aside = getSetting(cloud.tables.settings, 'softDelete') > 0 && server.launchedAt !== null;
    if (aside) putAside(cloud, server);
    else deleteServer(cloud, server);
    return reply.status(204).send();
  });
}

/** Switched off and out of every list, with its ports and volumes, until it is restored or deleted by force. */
function putAside(cloud: Cloud, server: Server): void {
  if (server.locked) throw conflict(`Instance ${server.id} is locked`);
  if (server.taskState?.endsWith('deleting')) return;
  cloud.jobs.cancel(server.id);
  changeServer(cloud, server.id, { taskState: 'soft-deleting' });
  cloud.jobs.schedule('server.put_aside', server.id, { transition: 'server.delete' });
}

/** Whatever the server is doing, it stops doing it; repeated, nothing more happens. */
export function deleteServer(cloud: Cloud, server: Server): void {
  if (server.locked) throw conflict(`Instance ${server.id} is locked`);
  if (server.taskState === 'deleting') return;
  cloud.jobs.cancel(server.id);
  changeServer(cloud, server.id, { taskState: 'deleting' });
  cloud.jobs.schedule('server.delete', server.id);
}
