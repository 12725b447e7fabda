import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { Caller } from '../api/caller.js';
import { notFound } from '../api/errors.js';
import { parseBody, stringMap } from '../api/parse.js';
import { operation } from '../api/service.js';
import type { Cloud } from '../cloud.js';
import { mustBeIn } from './errors.js';
import type { Server, ServerAction } from './rows.js';
import { changeServer } from './server-jobs.js';
import { findServer, type OnePath } from './servers.js';
import { addressesOf } from './views.js';

interface KeyPath {
  Params: { id: string; key: string };
}
const allRequest = z.object({ metadata: stringMap });
const oneRequest = z.object({ meta: stringMap });

/** Metadata, tags, addresses and groups of one server. */
export function serverDetailRoutes(app: FastifyInstance, cloud: Cloud): void {
  metadataRoutes(app, cloud);
  tagRoutes(app, cloud);

  app.get<OnePath>('/servers/:id/ips', ({ caller, params }) => ({
    addresses: addressesOf(cloud, findServer(cloud, caller, params.id)),
  }));

  app.get<OnePath>('/servers/:id/os-security-groups', ({ caller, params }) => {
    const { id } = findServer(cloud, caller, params.id);
    const ports = cloud.tables.ports.where(({ deviceId }) => deviceId === id);
    const groups = new Set(ports.flatMap(({ securityGroupIds }) => securityGroupIds));
    return {
      security_groups: [...groups].flatMap((groupId) => {
        const row = cloud.tables.securityGroups.get(groupId);
        if (!row) return [];
        const { name, description, projectId } = row;
        return [{ id: groupId, name, description, tenant_id: projectId, rules: [] }];
      }),
    };
  });

  app.get<OnePath>('/servers/:id/os-instance-actions', ({ caller, params }) => {
    const {
      id,
      projectId,
      userId,
      createdAt,
      reservationId,
      actions = [],
    } = findServer(cloud, caller, params.id);
    const made = {
      action: 'create',
      requestId: `req-${reservationId}`,
      userId,
      startedAt: createdAt,
    };
    const view = (one: ServerAction) => ({
      action: one.action,
      instance_uuid: id,
      message: null,
      project_id: projectId,
      request_id: one.requestId,
      start_time: one.startedAt.replace('Z', '000'),
      user_id: one.userId,
    });
    return { instanceActions: [made, ...actions].map(view).toReversed() };
  });
}

function metadataRoutes(app: FastifyInstance, cloud: Cloud): void {
  const path = '/servers/:id/metadata';
  const change = operation('server.metadata');
  const findToChange = (caller: Caller, id: string, action: 'update' | 'delete'): Server => {
    const server = findServer(cloud, caller, id);
    mustBeIn(server, ['active', 'stopped'], `${action} metadata`);
    return server;
  };

  app.get<OnePath>(path, ({ caller, params }) => ({
    metadata: findServer(cloud, caller, params.id).metadata,
  }));

  app.post<OnePath>(path, change, ({ caller, params, body }) => {
    const { id, metadata: former } = findToChange(caller, params.id, 'update');
    const metadata = { ...former, ...parseBody(allRequest, body).metadata };
    changeServer(cloud, id, { metadata });
    return { metadata };
  });

  app.put<OnePath>(path, change, ({ caller, params, body }) => {
    const { id } = findToChange(caller, params.id, 'update');
    const { metadata } = parseBody(allRequest, body);
    changeServer(cloud, id, { metadata });
    return { metadata };
  });

  app.get<KeyPath>(`${path}/:key`, ({ caller, params }) => {
    const value = findServer(cloud, caller, params.id).metadata[params.key];
    if (value === undefined) throw notFound('Metadata item was not found');
    return { meta: { [params.key]: value } };
  });

  app.put<KeyPath>(`${path}/:key`, change, ({ caller, params, body }) => {
    const { id, metadata } = findToChange(caller, params.id, 'update');
    const { meta } = parseBody(oneRequest, body);
    changeServer(cloud, id, { metadata: { ...metadata, ...meta } });
    return { meta };
  });

  app.delete<KeyPath>(`${path}/:key`, change, ({ caller, params }, reply) => {
    const { id, metadata: former } = findToChange(caller, params.id, 'delete');
    const { [params.key]: gone, ...metadata } = former;
    if (gone === undefined) throw notFound('Metadata item was not found');
    changeServer(cloud, id, { metadata });
    return reply.status(204).send();
  });
}

/** Since microversion 2.26. */
function tagRoutes(app: FastifyInstance, cloud: Cloud): void {
  const path = '/servers/:id/tags';
  const change = operation('server.tag');

  app.get<OnePath>(path, ({ caller, params }) => ({
    tags: findServer(cloud, caller, params.id).tags,
  }));

  app.put<OnePath>(path, change, ({ caller, params, body }) => {
    const { id } = findServer(cloud, caller, params.id);
    const { tags } = parseBody(z.object({ tags: z.array(z.string().max(60)) }), body);
    changeServer(cloud, id, { tags });
    return { tags };
  });

  app.put<KeyPath>(`${path}/:key`, change, ({ caller, params }, reply) => {
    const { id, tags } = findServer(cloud, caller, params.id);
    if (tags.includes(params.key)) return reply.status(204).send();
    changeServer(cloud, id, { tags: [...tags, params.key] });
    return reply.status(201).send();
  });

  app.delete<KeyPath>(`${path}/:key`, change, ({ caller, params }, reply) => {
    const { id, tags } = findServer(cloud, caller, params.id);
    if (!tags.includes(params.key)) {
      throw notFound(`Instance ${id} has no tag '${params.key}'`);
    }
    changeServer(cloud, id, { tags: tags.filter((tag) => tag !== params.key) });
    return reply.status(204).send();
  });
}
