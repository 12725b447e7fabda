import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { badRequest, notFound } from './api/errors.js';
import { queryOf } from './api/lists.js';
import { intish, parseBody } from './api/parse.js';
import { open, type Service } from './api/service.js';
import type { Cloud } from './cloud.js';
import { faultPlan } from './faults.js';
import { defaultQuotas, type QuotaService } from './quotas.js';
import type { RequestLog } from './request-log.js';
import { defaultSettings, getSetting, type SettingName } from './settings.js';

/**
 * What no real cloud has: knobs for tests and demos, without a token, on loopback only.
 *
 *   GET    /devcloud/latencies            milliseconds by transition; PUT changes those given
 *   GET    /devcloud/settings             {tokenSeconds, softDelete}; PUT changes those given
 *   GET    /devcloud/quotas               limits by project and service
 *   PUT    /devcloud/quotas               {project, service: compute|volume|network, limits}; project is an id or a name
 *   DELETE /devcloud/tokens               every token becomes invalid at once
 *   POST   /devcloud/faults               plans one fault (see `faultPlan` in faults.ts) and answers it with its id
 *   GET    /devcloud/faults               the planned ones, with how often each struck
 *   DELETE /devcloud/faults               forgets all; /devcloud/faults/{id} one
 *   GET    /devcloud/requests             the recent requests and SSH commands, oldest first; ?since=<number> those after
 *   DELETE /devcloud/requests             forgets them
 *   GET    /devcloud/requests/counts?project=ID  how many a project made so far, by service, forgotten ones too
 *   GET    /devcloud/holdings?project=ID  everything that belongs to a project or its users, by kind, as it is stored
 *   PUT    /devcloud/servers/{id}/faults  {faults}: the whole set of troubles of a simulated host (see hosts.ts)
 *   POST   /devcloud/ports/{id}/plug      a client machine at that port; answers {command}: prefix words to run there
 *   POST   /devcloud/ports/{id}/unplug    takes it away
 *
 * A fault is {match, effect, times?, skip?}. It strikes a request (its effect has status, reset or delayMs) or
 * the transition behind one (outcome, noDevice, dirtyVolume, sshSilent, hostKeyChanged). `match.operation` names
 * either: server.create, server.boot, volume.create, volume.attach, volume.extend, snapshot.create, port.create,
 * ssh.connect, ssh.command (whose path is the script's name) and so on, as the routes say.
 */
export const control = (requests: RequestLog): Service => ({
  name: 'devcloud',
  prefix: '/devcloud',
  errorBody: ({ status, message }) => ({ error: { status, message } }),
  routes(app, cloud) {
    knobRoutes(app, cloud);
    quotaRoutes(app, cloud);
    faultRoutes(app, cloud);
    plugRoutes(app, cloud);
    holdingRoutes(app, cloud);
    hostRoutes(app, cloud);

    app.get('/requests', open, (request) => ({
      requests: requests.since(Number(queryOf(request).get('since') ?? 0)),
    }));
    app.get('/requests/counts', open, (request) =>
      requests.countsOf(queryOf(request).get('project') ?? ''),
    );
    app.delete('/requests', open, (_request, reply) => {
      requests.clear();
      return reply.status(204).send();
    });
  },
});

const numbers = z.record(z.string(), z.number().nonnegative());

function knobRoutes(app: FastifyInstance, cloud: Cloud): void {
  app.get('/latencies', open, () => cloud.latencies.all());
  app.put('/latencies', open, ({ body }) => {
    for (const [transition, ms] of Object.entries(parseBody(numbers, body))) {
      try {
        cloud.latencies.set(transition, ms);
      } catch (error) {
        throw badRequest(String(error));
      }
    }
    return cloud.latencies.all();
  });

  const names = Object.keys(defaultSettings) as SettingName[];
  const settings = () =>
    Object.fromEntries(names.map((name) => [name, getSetting(cloud.tables.settings, name)]));
  app.get('/settings', open, settings);
  app.put('/settings', open, ({ body }) => {
    for (const [id, value] of Object.entries(parseBody(numbers, body))) {
      if (!(id in defaultSettings)) throw badRequest(`No such setting: ${id}`);
      cloud.tables.settings.put({ id, value });
    }
    return settings();
  });

  app.delete('/tokens', open, (_request, reply) => {
    for (const { id } of cloud.tables.tokens.all()) cloud.tables.tokens.delete(id);
    return reply.status(204).send();
  });
}

const quotaRequest = z.object({
  project: z.string(),
  service: z.enum(['compute', 'volume', 'network']),
  limits: z.record(z.string(), intish),
});

function quotaRoutes(app: FastifyInstance, cloud: Cloud): void {
  const services = Object.keys(defaultQuotas) as QuotaService[];
  const all = () =>
    Object.fromEntries(
      cloud.tables.projects
        .all()
        .map(({ id, name }) => [
          name,
          Object.fromEntries(
            services.map((service) => [service, cloud.quotas.limits(service, id)]),
          ),
        ]),
    );
  app.get('/quotas', open, all);
  app.put('/quotas', open, ({ body }) => {
    const ask = parseBody(quotaRequest, body);
    const project = cloud.tables.projects.find(({ id, name }) => [id, name].includes(ask.project));
    if (!project) throw notFound(`There is no project ${ask.project}`);
    const unknown = Object.keys(ask.limits).find((name) => !(name in defaultQuotas[ask.service]));
    if (unknown) throw badRequest(`No such quota of ${ask.service}: ${unknown}`);
    cloud.quotas.set(ask.service, project.id, ask.limits);
    return all();
  });
}

function faultRoutes(app: FastifyInstance, { faults }: Cloud): void {
  app.post('/faults', open, ({ body }, reply) =>
    reply.status(201).send(faults.plan(parseBody(faultPlan, body))),
  );
  app.get('/faults', open, () => ({ faults: faults.all() }));
  app.delete('/faults', open, (_request, reply) => {
    faults.clear();
    return reply.status(204).send();
  });
  app.delete<{ Params: { id: string } }>('/faults/:id', open, ({ params }, reply) => {
    faults.clear(params.id);
    return reply.status(204).send();
  });
}

function holdingRoutes(app: FastifyInstance, { tables }: Cloud): void {
  const owned = ['servers', 'volumes', 'snapshots', 'attachments'] as const;
  const neutrons = ['networks', 'subnets', 'ports', 'routers'] as const;
  const groups = ['securityGroups', 'securityGroupRules'] as const;
  app.get('/holdings', open, (request) => {
    const project = queryOf(request).get('project');
    const users = tables.assignments.where((row) => row.projectId === project);
    const userIds = new Set(users.map(({ userId }) => userId));
    const rows = [...owned, ...neutrons, ...groups].map((kind) => [
      kind,
      tables[kind].all().filter((row) => row.projectId === project),
    ]);
    const keypairs = tables.keypairs.where(({ userId }) => userIds.has(userId));
    return { ...Object.fromEntries(rows), keypairs };
  });
}

const hostFaults = z.object({
  faults: z.array(
    z.enum([
      'ssh-refused',
      'ssh-silent',
      'host-key-changed',
      'disks-hidden',
      'commands-outlive-connections',
    ]),
  ),
});

function hostRoutes(app: FastifyInstance, { hosts }: Cloud): void {
  app.put<{ Params: { id: string } }>('/servers/:id/faults', open, async (request, reply) => {
    const { faults } = parseBody(hostFaults, request.body);
    if (!hosts.setFaults) throw badRequest('Real machines have no faults to order');
    await hosts.setFaults(request.params.id, faults);
    return reply.status(204).send();
  });
}

function plugRoutes(app: FastifyInstance, cloud: Cloud): void {
  interface OnePath {
    Params: { id: string };
  }
  app.post<OnePath>('/ports/:id/plug', open, async ({ params }) => {
    const port = cloud.tables.ports.get(params.id);
    if (!port) throw notFound(`There is no port ${params.id}`);
    if (port.deviceId) throw badRequest(`Port ${port.id} belongs to ${port.deviceId} already`);
    await cloud.plane.settled();
    const { id, networkId, macAddress, fixedIps, deviceId, deviceOwner } = port;
    return cloud.hosts.plugClient({ id, networkId, macAddress, fixedIps, deviceId, deviceOwner });
  });
  app.post<OnePath>('/ports/:id/unplug', open, async ({ params }, reply) => {
    await cloud.hosts.unplugClient(params.id);
    return reply.status(204).send();
  });
}
