import { randomUUID } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { mayTouch, mustBeAdmin, type Caller } from '../api/caller.js';
import { badRequest } from '../api/errors.js';
import { boolish, parseBody, stringMap } from '../api/parse.js';
import { operation } from '../api/service.js';
import type { Cloud } from '../cloud.js';
import { invalidInput, invalidSnapshot, invalidVolume, snapshotNotFound } from './errors.js';
import { listRows } from './filters.js';
import { mayAddSnapshot } from './quota-checks.js';
import type { Snapshot } from './rows.js';
import { selfUrl, snapshotView } from './views.js';
import { setSize, snapshotFile, volumeFile } from './volume-files.js';
import { findVolume, type OnePath } from './find-volume.js';

const createRequest = z.object({
  snapshot: z.object({
    volume_id: z.string(),
    name: z.string().max(255).nullish(),
    description: z.string().max(255).nullish(),
    force: boolish.optional(),
    metadata: stringMap.nullish(),
  }),
});

type CreateRequest = z.output<typeof createRequest>['snapshot'];

const updateRequest = z.object({
  snapshot: z.object({ name: z.string().nullish(), description: z.string().nullish() }),
});

const fields: Record<string, (row: Snapshot) => string> = {
  id: (row) => row.id,
  name: (row) => row.name ?? '',
  status: (row) => row.status,
  volume_id: (row) => row.volumeId,
  created_at: (row) => row.createdAt,
};

export function findSnapshot(cloud: Cloud, caller: Caller, id: string): Snapshot {
  const row = cloud.tables.snapshots.get(id);
  if (!row || !mayTouch(caller, row)) throw snapshotNotFound(id);
  return row;
}

export const changeSnapshot = (cloud: Cloud, id: string, changes: Partial<Snapshot>) =>
  cloud.tables.snapshots.update(id, { ...changes, updatedAt: new Date().toISOString() });

export function snapshotRoutes(app: FastifyInstance, cloud: Cloud): void {
  app.post('/snapshots', operation('snapshot.create'), (request, reply) => {
    const ask = parseBody(createRequest, request.body).snapshot;
    const row = createSnapshot(cloud, request, ask);
    return reply.status(202).send({ snapshot: snapshotView(row, request) });
  });

  const list = (request: FastifyRequest) => {
    const { rows, next } = listRows(cloud.tables.snapshots.all(), request, fields);
    const href = selfUrl(cloud, request.caller.projectId, `/snapshots/detail?${next}`);
    return {
      snapshots: rows.map((row) => snapshotView(row, request)),
      ...(next && { snapshots_links: [{ rel: 'next', href }] }),
    };
  };
  app.get('/snapshots', operation('snapshot.list'), list);
  app.get('/snapshots/detail', operation('snapshot.list'), list);

  app.get<OnePath>('/snapshots/:id', operation('snapshot.show'), (request) => ({
    snapshot: snapshotView(findSnapshot(cloud, request.caller, request.params.id), request),
  }));

  app.put<OnePath>('/snapshots/:id', operation('snapshot.update'), (request) => {
    const row = findSnapshot(cloud, request.caller, request.params.id);
    const { name, description } = parseBody(updateRequest, request.body).snapshot;
    const next = changeSnapshot(cloud, row.id, {
      name: name ?? row.name,
      description: description ?? row.description,
    });
    return { snapshot: snapshotView(next ?? row, request) };
  });

  app.delete<OnePath>('/snapshots/:id', operation('snapshot.delete'), (request, reply) => {
    const row = findSnapshot(cloud, request.caller, request.params.id);
    if (!['available', 'error'].includes(row.status)) {
      throw invalidSnapshot(
        'Snapshot status must be available or error and must not be part of a group.',
      );
    }
    changeSnapshot(cloud, row.id, { status: 'deleting' });
    cloud.jobs.schedule('snapshot.delete', row.id);
    return reply.status(202).send();
  });

  app.post<OnePath>('/snapshots/:id/action', operation('snapshot.action'), (request, reply) => {
    mustBeAdmin(request.caller, 'volume_extension:snapshot_admin_actions:reset_status');
    const row = findSnapshot(cloud, request.caller, request.params.id);
    const reset = z.object({ 'os-reset_status': z.object({ status: z.string() }) });
    const { status } = parseBody(reset, request.body)['os-reset_status'];
    changeSnapshot(cloud, row.id, { status });
    return reply.status(202).send();
  });
}

function createSnapshot(
  cloud: Cloud,
  { caller, minor }: FastifyRequest,
  ask: CreateRequest,
): Snapshot {
  const volume = findVolume(cloud, caller, ask.volume_id);
  if (minor >= 66 && ask.force === false) {
    throw badRequest(
      "Invalid value 'False' for 'force': since microversion 3.66 it is accepted as true only.",
    );
  }
  const force = minor >= 66 || ask.force === true;
  if (volume.status !== 'available' && !(force && volume.status === 'in-use')) {
    throw invalidVolume(
      `Volume ${volume.id} status must be available${force ? ' or in-use' : ''}, but current status is: ${volume.status}.`,
    );
  }
  if (ask.name && ask.name.trim() === '') throw invalidInput('name has no characters.');
  mayAddSnapshot(cloud, caller.projectId, volume.sizeGib);
  const now = new Date().toISOString();
  const row = cloud.tables.snapshots.put({
    id: randomUUID(),
    name: ask.name ?? null,
    description: ask.description ?? null,
    projectId: caller.projectId,
    userId: caller.userId,
    volumeId: volume.id,
    sizeGib: volume.sizeGib,
    status: 'creating',
    progress: '0%',
    metadata: ask.metadata ?? {},
    createdAt: now,
    updatedAt: now,
  });
  cloud.jobs.schedule('snapshot.create', row.id);
  return row;
}

export function snapshotJobs(cloud: Cloud): void {
  const { jobs, faults, tables, hosts, log } = cloud;

  const onSnapshot = (kind: string, failed: string, work: (row: Snapshot) => Promise<void>) =>
    jobs.on(kind, async ({ target }) => {
      const row = tables.snapshots.get(target);
      if (!row) return;
      try {
        const fault = faults.forTransition(kind, target);
        if (fault?.outcome) throw new Error(fault.message ?? 'Planned failure');
        await work(row);
      } catch (error) {
        log.warn({ err: error, snapshot: target }, `${kind} failed`);
        changeSnapshot(cloud, target, { status: failed });
      }
    });

  onSnapshot('snapshot.create', 'error', async ({ id, volumeId, sizeGib, status }) => {
    if (status !== 'creating') return;
    await setSize(snapshotFile(cloud, id), sizeGib);
    await hosts.copyVolume(volumeFile(cloud, volumeId), snapshotFile(cloud, id));
    changeSnapshot(cloud, id, { status: 'available', progress: '100%' });
  });

  onSnapshot('snapshot.delete', 'error_deleting', async ({ id }) => {
    await hosts.removeVolume(snapshotFile(cloud, id));
    tables.snapshots.delete(id);
  });
}
