import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { mustBeAdmin } from '../api/caller.js';
import { forbidden } from '../api/errors.js';
import { intish, parseBody } from '../api/parse.js';
import type { Cloud } from '../cloud.js';
import { defaultQuotas } from '../quotas.js';
import type { Flavor } from './rows.js';

export function computeUsage({ tables }: Cloud, projectId: string) {
  const servers = tables.servers.where((row) => row.projectId === projectId);
  const sum = (amount: (flavor: Flavor) => number) =>
    servers.reduce((total, { flavor }) => total + amount(flavor), 0);
  return {
    instances: servers.length,
    cores: sum(({ vcpus }) => vcpus),
    ram: sum(({ ramMib }) => ramMib),
  };
}

/** 403 that names every resource of which there is not enough left. */
export function checkQuotas(cloud: Cloud, projectId: string, flavor: Flavor): void {
  const used = computeUsage(cloud, projectId);
  const more = { instances: 1, cores: flavor.vcpus, ram: flavor.ramMib };
  const overs = (['cores', 'instances', 'ram'] as const).filter((resource) =>
    cloud.quotas.exceeded('compute', projectId, {
      resource,
      used: used[resource],
      more: more[resource],
    }),
  );
  if (overs.length === 0) return;
  const list = (values: (resource: (typeof overs)[number]) => number) =>
    overs.map(values).join(', ');
  throw forbidden(
    `Quota exceeded for ${overs.join(', ')}: Requested ${list((name) => more[name])}, but already used ${list((name) => used[name])} of ${list((name) => cloud.quotas.limit('compute', projectId, name))} ${overs.join(', ')}`,
  );
}

interface OnePath {
  Params: { id: string };
}

const updateRequest = z.object({ quota_set: z.record(z.string(), z.unknown()) });

export function quotaRoutes(app: FastifyInstance, cloud: Cloud): void {
  const limits = (id: string) => cloud.quotas.limits('compute', id);

  app.get<OnePath>('/os-quota-sets/:id', ({ params: { id } }) => ({
    quota_set: { id, ...limits(id) },
  }));

  app.get<OnePath>('/os-quota-sets/:id/defaults', ({ params: { id } }) => ({
    quota_set: { id, ...defaultQuotas.compute },
  }));

  app.get<OnePath>('/os-quota-sets/:id/detail', ({ params: { id } }) => {
    const used: Record<string, number> = computeUsage(cloud, id);
    const rows = Object.entries(limits(id)).map(([name, limit]) => [
      name,
      { limit, in_use: used[name] ?? 0, reserved: 0 },
    ]);
    return { quota_set: { id, ...Object.fromEntries(rows) } };
  });

  app.put<OnePath>('/os-quota-sets/:id', ({ params: { id }, caller, body }) => {
    mustBeAdmin(caller, 'os_compute_api:os-quota-sets:update');
    const wanted = parseBody(updateRequest, body).quota_set;
    const numbers = Object.entries(wanted).flatMap(([name, value]) => {
      const limit = intish.safeParse(value);
      return name in defaultQuotas.compute && limit.success ? [[name, limit.data]] : [];
    });
    cloud.quotas.set('compute', id, Object.fromEntries(numbers));
    return { quota_set: limits(id) };
  });

  app.delete<OnePath>('/os-quota-sets/:id', ({ params: { id }, caller }, reply) => {
    mustBeAdmin(caller, 'os_compute_api:os-quota-sets:delete');
    cloud.quotas.reset('compute', id);
    return reply.status(202).send();
  });

  app.get('/limits', ({ caller: { projectId } }) => {
    const limit = limits(projectId);
    const used = computeUsage(cloud, projectId);
    return {
      limits: {
        rate: [],
        absolute: {
          maxTotalInstances: limit.instances,
          maxTotalCores: limit.cores,
          maxTotalRAMSize: limit.ram,
          maxTotalKeypairs: limit.key_pairs,
          maxServerMeta: limit.metadata_items,
          maxServerGroups: limit.server_groups,
          maxServerGroupMembers: limit.server_group_members,
          totalInstancesUsed: used.instances,
          totalCoresUsed: used.cores,
          totalRAMUsed: used.ram,
          totalServerGroupsUsed: 0,
        },
      },
    };
  });
}
