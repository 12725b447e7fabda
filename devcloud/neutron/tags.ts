import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { operation } from '../api/service.js';
import type { Cloud } from '../cloud.js';
import { malformed, neutronError } from './errors.js';
import { changed, findOwn, findVisible, type Kind } from './resource.js';
import type { Resource } from './rows.js';

const tagsRequest = z.object({ tags: z.array(z.string().min(1).max(255)) });

interface OnePath {
  Params: { id: string };
}
interface TagPath {
  Params: { id: string; tag: string };
}

/** `/ports/{id}/tags` and the like, for one kind of resource. */
export function tagRoutes<T extends Resource>(
  app: FastifyInstance,
  cloud: Cloud,
  kind: Kind<T>,
): void {
  const path = `/v2.0/${kind.plural.replaceAll('_', '-')}/:id/tags`;
  const table = kind.table(cloud);
  const setTags = (row: T, tags: string[]) =>
    table.put({ ...changed(row, {}), tags: [...new Set(tags)].sort() });

  app.get<OnePath>(path, (request) => ({
    tags: findVisible(kind, cloud, request.caller, request.params.id).tags,
  }));

  app.put<OnePath>(path, operation(`${kind.singular}.tag`), (request) => {
    const row = findOwn(kind, cloud, request.caller, request.params.id);
    const parsed = tagsRequest.safeParse(request.body);
    if (!parsed.success) throw malformed('Invalid input for tags. Reason: not a list of tags.');
    return { tags: setTags(row, parsed.data.tags).tags };
  });

  app.delete<OnePath>(path, operation(`${kind.singular}.untag`), (request, reply) => {
    setTags(findOwn(kind, cloud, request.caller, request.params.id), []);
    return reply.status(204).send();
  });

  app.get<TagPath>(`${path}/:tag`, (request, reply) => {
    const { id, tag } = request.params;
    if (!findVisible(kind, cloud, request.caller, id).tags.includes(tag)) throw noTag(tag);
    return reply.status(204).send();
  });

  app.put<TagPath>(`${path}/:tag`, operation(`${kind.singular}.tag`), (request, reply) => {
    const row = findOwn(kind, cloud, request.caller, request.params.id);
    setTags(row, [...row.tags, request.params.tag]);
    return reply.status(201).send();
  });

  app.delete<TagPath>(`${path}/:tag`, operation(`${kind.singular}.untag`), (request, reply) => {
    const row = findOwn(kind, cloud, request.caller, request.params.id);
    if (!row.tags.includes(request.params.tag)) throw noTag(request.params.tag);
    setTags(
      row,
      row.tags.filter((tag) => tag !== request.params.tag),
    );
    return reply.status(204).send();
  });
}

const noTag = (tag: string) => neutronError(404, 'TagNotFound', `Tag ${tag} could not be found.`);
