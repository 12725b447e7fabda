import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { Caller } from '../api/caller.js';
import { notFound } from '../api/errors.js';
import { parseBody, stringMap } from '../api/parse.js';
import { operation } from '../api/service.js';
import type { Cloud } from '../cloud.js';
import { changeSnapshot, findSnapshot } from './snapshots.js';
import { changeVolume, findVolume } from './find-volume.js';

interface Owner {
  kind: 'volume' | 'snapshot';
  get: (cloud: Cloud, caller: Caller, id: string) => Record<string, string>;
  set: (cloud: Cloud, id: string, metadata: Record<string, string>) => void;
}

const owners: Owner[] = [
  {
    kind: 'volume',
    get: (cloud, caller, id) => findVolume(cloud, caller, id).metadata,
    set: (cloud, id, metadata) => void changeVolume(cloud, id, { metadata }),
  },
  {
    kind: 'snapshot',
    get: (cloud, caller, id) => findSnapshot(cloud, caller, id).metadata,
    set: (cloud, id, metadata) => void changeSnapshot(cloud, id, { metadata }),
  },
];

interface OnePath {
  Params: { id: string };
}
interface KeyPath {
  Params: { id: string; key: string };
}

const allRequest = z.object({ metadata: stringMap });
const oneRequest = z.object({ meta: stringMap });

/** `/volumes/{id}/metadata` and `/snapshots/{id}/metadata`. */
export function metadataRoutes(app: FastifyInstance, cloud: Cloud): void {
  for (const owner of owners) ownerRoutes(app, cloud, owner);
}

function ownerRoutes(app: FastifyInstance, cloud: Cloud, { kind, get, set }: Owner): void {
  const path = `/${kind}s/:id/metadata`;
  const change = operation(`${kind}.metadata`);

  app.get<OnePath>(path, ({ caller, params }) => ({ metadata: get(cloud, caller, params.id) }));

  app.post<OnePath>(path, change, ({ caller, params, body }) => {
    const metadata = { ...get(cloud, caller, params.id), ...parseBody(allRequest, body).metadata };
    set(cloud, params.id, metadata);
    return { metadata };
  });

  app.put<OnePath>(path, change, ({ caller, params, body }) => {
    get(cloud, caller, params.id);
    const { metadata } = parseBody(allRequest, body);
    set(cloud, params.id, metadata);
    return { metadata };
  });

  const missing = ({ id, key }: KeyPath['Params']) =>
    notFound(`${kind === 'volume' ? 'Volume' : 'Snapshot'} ${id} has no metadata with key ${key}.`);

  app.get<KeyPath>(`${path}/:key`, ({ caller, params }) => {
    const value = get(cloud, caller, params.id)[params.key];
    if (value === undefined) throw missing(params);
    return { meta: { [params.key]: value } };
  });

  app.put<KeyPath>(`${path}/:key`, change, ({ caller, params, body }) => {
    const { meta } = parseBody(oneRequest, body);
    set(cloud, params.id, { ...get(cloud, caller, params.id), ...meta });
    return { meta };
  });

  app.delete<KeyPath>(`${path}/:key`, change, ({ caller, params }, reply) => {
    const { [params.key]: gone, ...rest } = get(cloud, caller, params.id);
    if (gone === undefined) throw missing(params);
    set(cloud, params.id, rest);
    return reply.status(200).send();
  });
}
