import { randomUUID } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { mayTouch, type Caller } from '../api/caller.js';
import { badRequest, notFound } from '../api/errors.js';
import { queryOf } from '../api/lists.js';
import { intish, parseBody, stringMap } from '../api/parse.js';
import { operation } from '../api/service.js';
import type { Cloud } from '../cloud.js';
import {
  invalidInput,
  invalidSnapshot,
  invalidVolume,
  snapshotNotFound,
  volumeNotFound,
} from './errors.js';
import { listRows } from './filters.js';
import { mayAddVolume } from './quota-checks.js';
import type { Snapshot, Volume } from './rows.js';
import { selfUrl, volumeSummary, volumeView } from './views.js';

const createRequest = z.object({
  volume: z.object({
    size: intish
      .pipe(
        z
          .number()
          .min(1, { error: (issue) => `${String(issue.input)} is less than the minimum of 1` }),
      )
      .nullish(),
    name: z.string().max(255).nullish(),
    description: z.string().max(255).nullish(),
    volume_type: z.string().nullish(),
    availability_zone: z.string().nullish(),
    metadata: stringMap.nullish(),
    snapshot_id: z.string().nullish(),
    source_volid: z.string().nullish(),
    imageRef: z.string().nullish(),
  }),
});

type CreateRequest = z.output<typeof createRequest>['volume'];

const updateRequest = z.object({
  volume: z.object({
    name: z.string().max(255).nullish(),
    description: z.string().max(255).nullish(),
    metadata: stringMap.nullish(),
  }),
});

export interface OnePath {
  Params: { id: string };
}

export function findVolume(cloud: Cloud, caller: Caller, id: string): Volume {
  const row = cloud.tables.volumes.get(id);
  if (!row || !mayTouch(caller, row)) throw volumeNotFound(id);
  return row;
}

export const changeVolume = (cloud: Cloud, id: string, changes: Partial<Volume>) =>
  cloud.tables.volumes.update(id, { ...changes, updatedAt: new Date().toISOString() });

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

export function createVolume(cloud: Cloud, caller: Caller, ask: CreateRequest): Volume {
  const snapshot = ask.snapshot_id ? usableSnapshot(cloud, caller, ask.snapshot_id) : undefined;
  const source = ask.source_volid ? findVolume(cloud, caller, ask.source_volid) : undefined;
  const image = ask.imageRef ? usableImage(cloud, ask.imageRef) : undefined;
  const sizeGib = wantedSize(ask.size ?? undefined, { snapshot, source });
  const type = wantedType(cloud, ask.volume_type ?? undefined);
  mayAddVolume(cloud, caller.projectId, sizeGib);
  const now = new Date().toISOString();
  const row = cloud.tables.volumes.put({
    id: randomUUID(),
    name: ask.name ?? null,
    description: ask.description ?? null,
    projectId: caller.projectId,
    userId: caller.userId,
    sizeGib,
    status: 'creating',
    volumeTypeId: type.id,
    availabilityZone: ask.availability_zone ?? 'nova',
    metadata: ask.metadata ?? {},
    imageMetadata: image
      ? { image_id: image.id, image_name: image.name ?? '', disk_format: image.diskFormat ?? '' }
      : null,
    snapshotId: snapshot?.id ?? null,
    sourceVolumeId: source?.id ?? null,
    imageId: image?.id ?? null,
    bootable: image !== undefined,
    readonly: false,
    createdAt: now,
    updatedAt: now,
  });
  cloud.jobs.schedule('volume.create', row.id);
  return row;
}

function usableSnapshot(cloud: Cloud, caller: Caller, id: string): Snapshot {
  const row = cloud.tables.snapshots.get(id);
  if (!row || !mayTouch(caller, row)) throw snapshotNotFound(id);
  if (row.status !== 'available') {
    throw invalidSnapshot(`Originating snapshot status must be one of 'available' values`);
  }
  return row;
}

function usableImage(cloud: Cloud, reference: string) {
  const image = cloud.tables.images.find(({ id, name }) => [id, name].includes(reference));
  if (!image) throw badRequest('Invalid image identifier or unable to access requested image.');
  if (image.status !== 'active') throw invalidInput(`Image ${image.id} is not active.`);
  return image;
}

function wantedSize(
  size: number | undefined,
  { snapshot, source }: { snapshot?: Snapshot; source?: Volume },
): number {
  const origin = snapshot ?? source;
  const wanted = size ?? origin?.sizeGib;
  if (wanted === undefined) {
    throw invalidInput(
      'Invalid volume size provided for create request: None (size argument must be an integer (or string representation of an integer) and greater than zero).',
    );
  }
  if (origin && wanted < origin.sizeGib) {
    const what = snapshot ? 'snapshot' : 'source volume';
    throw invalidInput(
      `Volume size '${wanted}'GB cannot be smaller than the ${what} size ${origin.sizeGib}GB. They must be >= original ${what} size.`,
    );
  }
  return wanted;
}

function wantedType({ tables }: Cloud, wanted: string | undefined) {
  const type = wanted
    ? tables.volumeTypes.find(({ id, name }) => [id, name].includes(wanted))
    : tables.volumeTypes.all()[0];
  if (!type) throw notFound(`Volume type ${wanted} could not be found.`);
  return type;
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
