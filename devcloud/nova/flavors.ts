import { randomUUID } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { mustBeAdmin } from '../api/caller.js';
import { conflict, notFound } from '../api/errors.js';
import { paginate, queryOf } from '../api/lists.js';
import { boolish, intish, parseBody, stringMap } from '../api/parse.js';
import { operation } from '../api/service.js';
import type { Cloud } from '../cloud.js';
import { flavorNotFound } from './errors.js';
import type { Flavor } from './rows.js';

const createRequest = z.object({
  flavor: z.object({
    name: z.string().min(1).max(255),
    id: z.union([z.string(), z.number()]).nullish(),
    ram: intish.pipe(z.number().min(1)),
    vcpus: intish.pipe(z.number().min(1)),
    disk: intish.pipe(z.number().min(0)),
    'os-flavor-access:is_public': boolish.optional(),
    description: z.string().nullish(),
  }),
});

interface OnePath {
  Params: { id: string };
}

const links = (cloud: Cloud, id: string) => [
  { rel: 'self', href: `${cloud.url}/compute/v2.1/flavors/${id}` },
  { rel: 'bookmark', href: `${cloud.url}/compute/flavors/${id}` },
];

const summary = (cloud: Cloud, row: Flavor, minor: number) => ({
  id: row.id,
  name: row.name,
  links: links(cloud, row.id),
  ...(minor >= 55 && { description: row.description }),
});

const view = (cloud: Cloud, row: Flavor, minor: number) => ({
  ...summary(cloud, row, minor),
  ram: row.ramMib,
  disk: row.diskGib,
  vcpus: row.vcpus,
  swap: minor >= 75 ? 0 : '',
  'OS-FLV-EXT-DATA:ephemeral': 0,
  'OS-FLV-DISABLED:disabled': false,
  'os-flavor-access:is_public': row.isPublic,
  rxtx_factor: 1.0,
  ...(minor >= 61 && { extra_specs: row.extraSpecs }),
});

export function flavorRoutes(app: FastifyInstance, cloud: Cloud): void {
  const { flavors } = cloud.tables;
  const find = (id: string): Flavor => {
    const row = flavors.get(id);
    if (!row) throw flavorNotFound(id);
    return row;
  };

  const list = (request: FastifyRequest, show: typeof summary) => {
    const query = queryOf(request);
    const enough = (field: keyof Flavor, name: string) => (row: Flavor) =>
      Number(row[field]) >= Number(query.get(name) ?? 0);
    const rows = flavors
      .where(enough('ramMib', 'minRam'))
      .filter(enough('diskGib', 'minDisk'))
      .filter(({ isPublic }) => isPublic || request.caller.isAdmin);
    return { flavors: paginate(rows, query).rows.map((row) => show(cloud, row, request.minor)) };
  };
  app.get('/flavors', operation('flavor.list'), (request) => list(request, summary));
  app.get('/flavors/detail', operation('flavor.list'), (request) => list(request, view));

  app.get<OnePath>('/flavors/:id', operation('flavor.show'), ({ params, minor }) => ({
    flavor: view(cloud, find(params.id), minor),
  }));

  app.post('/flavors', operation('flavor.create'), ({ caller, body, minor }) => {
    mustBeAdmin(caller, 'os_compute_api:os-flavor-manage:create');
    const ask = parseBody(createRequest, body).flavor;
    if (flavors.find(({ name }) => name === ask.name)) {
      throw conflict(`Flavor with name ${ask.name} already exists.`);
    }
    const id = ask.id && ask.id !== 'auto' ? String(ask.id) : randomUUID();
    if (flavors.get(id)) throw conflict(`Flavor with ID ${id} already exists.`);
    const row = flavors.put({
      id,
      name: ask.name,
      ramMib: ask.ram,
      vcpus: ask.vcpus,
      diskGib: ask.disk,
      isPublic: ask['os-flavor-access:is_public'] ?? true,
      description: ask.description ?? null,
      extraSpecs: {},
    });
    return { flavor: view(cloud, row, minor) };
  });

  app.delete<OnePath>('/flavors/:id', operation('flavor.delete'), (request, reply) => {
    mustBeAdmin(request.caller, 'os_compute_api:os-flavor-manage:delete');
    flavors.delete(find(request.params.id).id);
    return reply.status(202).send();
  });

  extraSpecRoutes(app, cloud, find);
}

function extraSpecRoutes(
  app: FastifyInstance,
  { tables }: Cloud,
  find: (id: string) => Flavor,
): void {
  const path = '/flavors/:id/os-extra_specs';
  app.get<OnePath>(path, ({ params }) => ({ extra_specs: find(params.id).extraSpecs }));

  app.post<OnePath>(path, ({ caller, params, body }) => {
    mustBeAdmin(caller, 'os_compute_api:os-flavor-extra-specs:create');
    const { extraSpecs: former, id } = find(params.id);
    const added = parseBody(z.object({ extra_specs: stringMap }), body).extra_specs;
    tables.flavors.update(id, { extraSpecs: { ...former, ...added } });
    return { extra_specs: added };
  });

  app.delete<{ Params: { id: string; key: string } }>(
    `${path}/:key`,
    ({ caller, params }, reply) => {
      mustBeAdmin(caller, 'os_compute_api:os-flavor-extra-specs:delete');
      const { [params.key]: gone, ...extraSpecs } = find(params.id).extraSpecs;
      if (gone === undefined) {
        throw notFound(`Flavor ${params.id} has no extra specs with key ${params.key}.`);
      }
      tables.flavors.update(params.id, { extraSpecs });
      return reply.status(200).send();
    },
  );
}
