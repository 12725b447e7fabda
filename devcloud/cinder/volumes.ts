import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { queryOf } from '../api/lists.js';
import { parseBody, stringMap } from '../api/parse.js';
import { operation } from '../api/service.js';
import type { Cloud } from '../cloud.js';
import { createRequest, createVolume } from './create-volume.js';
import { invalidVolume } from './errors.js';
import { listRows } from './filters.js';
import { changeVolume, findVolume, type OnePath } from './find-volume.js';
import type { Volume } from './rows.js';
import { selfUrl, volumeSummary, volumeView } from './views.js';

const updateRequest = z.object({
  volume: z.object({
    name: z.string().max(255).nullish(),
    description: z.string().max(255).nullish(),
    metadata: stringMap.nullish(),
  }),
});

export const volumeFields: Record<string, (row: Volume) => string> = {
  id: (row) => row.id,
  name: (row) => row.name ?? '',
  status: (row) => row.status,
  size: (row) => String(row.sizeGib),
  availability_zone: (row) => row.availabilityZone,
  bootable: (row) => String(row.bootable),
  created_at: (row) => row.createdAt,
};

export function volumeRoutes(app: FastifyInstance, cloud: Cloud): void {
  app.post('/volumes', operation('volume.create'), (request, reply) => {
    const ask = parseBody(createRequest, request.body).volume;
    const row = createVolume(cloud, request.caller, ask);
    return reply.status(202).send({ volume: volumeView(cloud, row, request) });
  });

  const list = (request: FastifyRequest, view: (row: Volume) => object, path: string) => {
    const { rows, next } = listRows(cloud.tables.volumes.all(), request, volumeFields);
    const href = selfUrl(cloud, request.caller.projectId, `${path}?${next}`);
    return { volumes: rows.map(view), ...(next && { volumes_links: [{ rel: 'next', href }] }) };
  };
  app.get('/volumes', operation('volume.list'), (request) =>
    list(request, (row) => volumeSummary(cloud, row), '/volumes'),
  );
  app.get('/volumes/detail', operation('volume.list'), (request) =>
    list(request, (row) => volumeView(cloud, row, request), '/volumes/detail'),
  );

  app.get<OnePath>('/volumes/:id', operation('volume.show'), (request) => ({
    volume: volumeView(cloud, findVolume(cloud, request.caller, request.params.id), request),
  }));

  app.put<OnePath>('/volumes/:id', operation('volume.update'), (request) => {
    const row = findVolume(cloud, request.caller, request.params.id);
    const ask = parseBody(updateRequest, request.body).volume;
    const next = changeVolume(cloud, row.id, {
      name: ask.name ?? row.name,
      description: ask.description ?? row.description,
      metadata: ask.metadata ?? row.metadata,
    });
    return { volume: volumeView(cloud, next ?? row, request) };
  });

  app.delete<OnePath>('/volumes/:id', operation('volume.delete'), (request, reply) => {
    const row = findVolume(cloud, request.caller, request.params.id);
    const cascade = queryOf(request).get('cascade')?.toLowerCase() === 'true';
    deleteVolume(cloud, row, { cascade, force: false });
    return reply.status(202).send();
  });
}

const deletable = ['available', 'error', 'error_restoring', 'error_extending', 'error_managing'];

/** 400 for a volume that someone uses; snapshots go along only with `cascade`. */
export function deleteVolume(
  cloud: Cloud,
  row: Volume,
  { cascade, force }: { cascade: boolean; force: boolean },
): void {
  const snapshots = cloud.tables.snapshots.where(({ volumeId }) => volumeId === row.id);
  const attached = cloud.tables.attachments.find(({ volumeId }) => volumeId === row.id);
  const kept = snapshots.length > 0 && !cascade;
  if (attached || kept || !(force || deletable.includes(row.status))) {
    throw notDeletable();
  }
  changeVolume(cloud, row.id, { status: 'deleting' });
  cloud.jobs.cancel(row.id);
  for (const { id } of snapshots) {
    cloud.tables.snapshots.update(id, { status: 'deleting' });
    cloud.jobs.schedule('snapshot.delete', id);
  }
  cloud.jobs.schedule('volume.delete', row.id);
}

const notDeletable = () =>
  invalidVolume(
    `Volume status must be ${deletable.join(' or ')} and must not be migrating, attached, belong to a group, have snapshots, awaiting a transfer, or be disassociated from snapshots after volume transfer.`,
  );
