import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { Caller } from '../api/caller.js';
import { intish } from '../api/parse.js';
import type { Cloud } from '../cloud.js';
import { defaultQuotas } from '../quotas.js';
import { notAllowed } from './errors.js';
import { parseResource } from './resource.js';

interface OnePath {
  Params: { project: string };
}

export function quotaRoutes(app: FastifyInstance, cloud: Cloud): void {
  const limits = (project: string) => cloud.quotas.limits('network', project);

  app.get('/v2.0/quotas', (request) => ({
    quotas: [{ project_id: request.caller.projectId, ...limits(request.caller.projectId) }],
  }));

  app.get<OnePath>('/v2.0/quotas/:project', (request) => {
    ownOrAdmin(request.caller, request.params.project);
    return { quota: limits(request.params.project) };
  });

  app.get<OnePath>('/v2.0/quotas/:project/default', () => ({ quota: defaultQuotas.network }));

  for (const name of ['details', 'details.json']) {
    app.get<OnePath>(`/v2.0/quotas/:project/${name}`, (request) => {
      const { project } = request.params;
      ownOrAdmin(request.caller, project);
      const used = usage(cloud, project);
      const rows = Object.entries(limits(project)).map(([resource, limit]) => [
        resource,
        { limit, used: used[resource] ?? 0, reserved: 0 },
      ]);
      return { quota: Object.fromEntries(rows) };
    });
  }

  app.put<OnePath>('/v2.0/quotas/:project', (request) => {
    if (!request.caller.isAdmin) throw notAllowed('update_quota');
    const wanted = parseResource('quota', z.record(z.string(), z.unknown()), request.body);
    const numbers = Object.entries(wanted).flatMap(([resource, value]) => {
      const limit = intish.safeParse(value);
      return resource in defaultQuotas.network && limit.success ? [[resource, limit.data]] : [];
    });
    cloud.quotas.set('network', request.params.project, Object.fromEntries(numbers));
    return { quota: limits(request.params.project) };
  });

  app.delete<OnePath>('/v2.0/quotas/:project', (request, reply) => {
    if (!request.caller.isAdmin) throw notAllowed('delete_quota');
    cloud.quotas.reset('network', request.params.project);
    return reply.status(204).send();
  });
}

function ownOrAdmin(caller: Caller, project: string): void {
  if (!caller.isAdmin && caller.projectId !== project) throw notAllowed('get_quota');
}

function usage({ tables }: Cloud, project: string): Record<string, number> {
  const count = (rows: { projectId: string }[]) =>
    rows.filter(({ projectId }) => projectId === project).length;
  return {
    network: count(tables.networks.all()),
    subnet: count(tables.subnets.all()),
    port: count(tables.ports.all()),
    router: count(tables.routers.all()),
    security_group: count(tables.securityGroups.all()),
    security_group_rule: count(tables.securityGroupRules.all()),
  };
}
