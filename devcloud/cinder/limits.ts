import { randomUUID } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { mustBeAdmin } from '../api/caller.js';
import { conflict, notFound } from '../api/errors.js';
import { queryOf } from '../api/lists.js';
import { intish, parseBody } from '../api/parse.js';
import type { Cloud } from '../cloud.js';
import { defaultQuotas } from '../quotas.js';
import { volumeUsage } from './quota-checks.js';
import { cinderTime } from './views.js';
import type { OnePath } from './find-volume.js';

/** Limits, quota sets, types and the rest that clients look at but seldom change. */
export function limitRoutes(app: FastifyInstance, cloud: Cloud): void {
  app.get('/limits', ({ caller: { projectId } }) => {
    const limits = cloud.quotas.limits('volume', projectId);
    const used = volumeUsage(cloud, projectId);
    return {
      limits: {
        rate: [],
        absolute: {
          maxTotalVolumes: limits.volumes,
          maxTotalSnapshots: limits.snapshots,
          maxTotalVolumeGigabytes: limits.gigabytes,
          maxTotalBackups: limits.backups,
          maxTotalBackupGigabytes: limits.backup_gigabytes,
          totalVolumesUsed: used.volumes,
          totalSnapshotsUsed: used.snapshots,
          totalGigabytesUsed: used.gigabytes,
          totalBackupsUsed: 0,
          totalBackupGigabytesUsed: 0,
        },
      },
    };
  });

  app.get('/os-availability-zone', () => ({
    availabilityZoneInfo: [{ zoneName: 'nova', zoneState: { available: true } }],
  }));

  app.get('/os-services', () => ({
    services: ['cinder-scheduler', 'cinder-volume'].map((binary) => ({
      binary,
      host: binary === 'cinder-volume' ? 'devcloud@files' : 'devcloud',
      zone: 'nova',
      status: 'enabled',
      state: 'up',
      updated_at: cinderTime(new Date().toISOString()),
      disabled_reason: null,
    })),
  }));

  app.get('/extensions', () => ({ extensions: [] }));
  typeRoutes(app, cloud);
  quotaRoutes(app, cloud);
}

const typeRequest = z.object({
  volume_type: z.object({ name: z.string().min(1).max(255), description: z.string().nullish() }),
});

function typeRoutes(app: FastifyInstance, { tables }: Cloud): void {
  const views = () =>
    tables.volumeTypes.all().map((row) => ({
      id: row.id,
      name: row.name,
      description: row.description,
      is_public: row.isPublic,
      'os-volume-type-access:is_public': row.isPublic,
      qos_specs_id: null,
      extra_specs: row.extraSpecs,
    }));
  app.get('/types', () => ({ volume_types: views() }));
  app.get<OnePath>('/types/:id', ({ params: { id } }) => {
    const type =
      id === 'default'
        ? views().find(({ name }) => name === '__DEFAULT__')
        : views().find((view) => view.id === id);
    if (!type) throw notFound(`Volume type ${id} could not be found.`);
    return { volume_type: type };
  });
  app.post('/types', ({ caller, body }) => {
    mustBeAdmin(caller, 'volume_extension:type_create');
    const { name, description = null } = parseBody(typeRequest, body).volume_type;
    if (tables.volumeTypes.find((type) => type.name === name)) {
      throw conflict(`Volume Type ${name} already exists.`);
    }
    const { id } = tables.volumeTypes.put({
      id: randomUUID(),
      name,
      description,
      isPublic: true,
      extraSpecs: {},
    });
    return { volume_type: views().find((view) => view.id === id) };
  });
  app.delete<OnePath>('/types/:id', ({ caller, params: { id } }, reply) => {
    mustBeAdmin(caller, 'volume_extension:type_delete');
    if (!tables.volumeTypes.get(id)) throw notFound(`Volume type ${id} could not be found.`);
    tables.volumeTypes.delete(id);
    return reply.status(202).send();
  });
}

const quotaRequest = z.object({ quota_set: z.record(z.string(), z.unknown()) });

function quotaRoutes(app: FastifyInstance, cloud: Cloud): void {
  app.get<OnePath>('/os-quota-sets/:id', (request) => {
    const { id } = request.params;
    const limits = cloud.quotas.limits('volume', id);
    if (queryOf(request).get('usage')?.toLowerCase() !== 'true')
      return { quota_set: { id, ...limits } };
    const used = volumeUsage(cloud, id);
    const rows = Object.entries(limits).map(([name, limit]) => [
      name,
      { limit, in_use: used[name] ?? 0, reserved: 0 },
    ]);
    return { quota_set: { id, ...Object.fromEntries(rows) } };
  });

  app.get<OnePath>('/os-quota-sets/:id/defaults', ({ params: { id } }) => ({
    quota_set: { id, ...defaultQuotas.volume },
  }));

  app.put<OnePath>('/os-quota-sets/:id', ({ params: { id }, caller, body }) => {
    mustBeAdmin(caller, 'volume_extension:quotas:update');
    const wanted = parseBody(quotaRequest, body).quota_set;
    const numbers = Object.entries(wanted).flatMap(([name, value]) => {
      const limit = intish.safeParse(value);
      return name in defaultQuotas.volume && limit.success ? [[name, limit.data]] : [];
    });
    cloud.quotas.set('volume', id, Object.fromEntries(numbers));
    return { quota_set: cloud.quotas.limits('volume', id) };
  });

  app.delete<OnePath>('/os-quota-sets/:id', ({ params: { id }, caller }, reply) => {
    mustBeAdmin(caller, 'volume_extension:quotas:delete');
    cloud.quotas.reset('volume', id);
    return reply.status(200).send();
  });
}
