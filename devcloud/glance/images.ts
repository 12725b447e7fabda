import { randomUUID } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { Caller } from '../api/caller.js';
import { conflict, forbidden, notFound } from '../api/errors.js';
import { paginate, queryOf, sortRows } from '../api/lists.js';
import { intish, parseBody } from '../api/parse.js';
import { operation } from '../api/service.js';
import type { Cloud } from '../cloud.js';
import type { Image } from './rows.js';

export interface OnePath {
  Params: { id: string };
}

const diskFormats = 'ami ari aki vhd vhdx vmdk raw qcow2 vdi iso ploop'.split(' ');
const visibility = z.enum(['public', 'private', 'shared', 'community']);
const createRequest = z.looseObject({
  id: z.uuid().optional(),
  name: z.string().max(255).nullish(),
  visibility: visibility.optional(),
  disk_format: z.enum(diskFormats).nullish(),
  container_format: z.string().nullish(),
  min_disk: intish.default(0),
  min_ram: intish.default(0),
  protected: z.boolean().default(false),
  os_hidden: z.boolean().default(false),
  tags: z.array(z.string()).default([]),
  owner: z.string().optional(),
});

const seconds = (iso: string): string => iso.replace(/\.\d+Z$/, 'Z');

export const imageView = (row: Image) => ({
  ...row.properties,
  id: row.id,
  name: row.name,
  status: row.status,
  visibility: row.visibility,
  owner: row.owner,
  disk_format: row.diskFormat,
  container_format: row.containerFormat,
  size: row.sizeBytes,
  virtual_size: row.virtualSizeBytes,
  checksum: row.checksum,
  os_hash_algo: row.osHashValue && 'sha512',
  os_hash_value: row.osHashValue,
  min_disk: row.minDisk,
  min_ram: row.minRam,
  protected: row.protected,
  os_hidden: row.hidden,
  tags: row.tags,
  created_at: seconds(row.createdAt),
  updated_at: seconds(row.updatedAt),
  self: `/v2/images/${row.id}`,
  file: `/v2/images/${row.id}/file`,
  schema: '/v2/schemas/image',
});

const visible = (caller: Caller, row: Image): boolean =>
  caller.isAdmin || row.visibility === 'public' || row.owner === caller.projectId;

export function findImage(cloud: Cloud, caller: Caller, id: string): Image {
  const row = cloud.tables.images.get(id);
  if (!row || !(visible(caller, row) || row.visibility === 'community')) {
    throw notFound(`No image found with ID ${id}`);
  }
  return row;
}

export function findOwnImage(cloud: Cloud, caller: Caller, id: string): Image {
  const row = findImage(cloud, caller, id);
  if (!caller.isAdmin && row.owner !== caller.projectId) {
    throw forbidden('You are not authorized to complete this action.');
  }
  return row;
}

export const changeImage = (cloud: Cloud, id: string, changes: Partial<Image>) =>
  cloud.tables.images.update(id, { ...changes, updatedAt: new Date().toISOString() });

export function imageRoutes(app: FastifyInstance, cloud: Cloud): void {
  app.post('/v2/images', operation('image.create'), (request, reply) => {
    const row = createImage(cloud, request.caller, request.body);
    return reply
      .status(201)
      .header('location', `${cloud.url}/image/v2/images/${row.id}`)
      .send(imageView(row));
  });

  app.get('/v2/images', operation('image.list'), (request) => {
    const query = queryOf(request);
    const seen = cloud.tables.images.where((row) => visible(request.caller, row));
    const wanted = seen.filter((row) => matches(row, query));
    const newest = sortRows(wanted, { value: (row) => row.createdAt, descending: true });
    const { rows, next } = paginate(newest, query);
    return {
      images: rows.map(imageView),
      first: '/v2/images',
      schema: '/v2/schemas/images',
      ...(next && { next: `/v2/images?${next}` }),
    };
  });

  app.get<OnePath>('/v2/images/:id', operation('image.show'), ({ caller, params }) =>
    imageView(findImage(cloud, caller, params.id)),
  );
}

function createImage(cloud: Cloud, caller: Caller, body: unknown): Image {
  const { id, name, tags, owner, ...ask } = parseBody(createRequest, body);
  const { disk_format, container_format, min_disk, min_ram, os_hidden, ...rest } = ask;
  const { visibility: wanted, protected: isProtected, ...properties } = rest;
  if (wanted === 'public' && !caller.isAdmin) {
    throw forbidden('You are not authorized to complete publicize_image action.');
  }
  if (id && cloud.tables.images.get(id)) throw conflict(`Image ID ${id} already exists!`);
  const now = new Date().toISOString();
  return cloud.tables.images.put({
    id: id ?? randomUUID(),
    name: name ?? null,
    status: 'queued',
    visibility: wanted ?? 'shared',
    owner: owner ?? caller.projectId,
    diskFormat: disk_format ?? null,
    containerFormat: container_format ?? null,
    sizeBytes: null,
    virtualSizeBytes: null,
    checksum: null,
    osHashValue: null,
    minDisk: min_disk,
    minRam: min_ram,
    protected: isProtected,
    hidden: os_hidden,
    tags,
    properties: Object.fromEntries(
      Object.entries(properties).map(([key, value]) => [key, String(value)]),
    ),
    file: null,
    createdAt: now,
    updatedAt: now,
  });
}

const filters: Record<string, (row: Image) => string> = {
  id: (row) => row.id,
  name: (row) => row.name ?? '',
  status: (row) => row.status,
  visibility: (row) => row.visibility,
  owner: (row) => row.owner,
  disk_format: (row) => row.diskFormat ?? '',
  container_format: (row) => row.containerFormat ?? '',
  protected: (row) => String(row.protected),
  os_hidden: (row) => String(row.hidden),
};

function matches(row: Image, query: URLSearchParams): boolean {
  if (!query.has('os_hidden') && row.hidden) return false;
  return [...query].every(([key, value]) => {
    if (key === 'tag') return row.tags.includes(value);
    const field = filters[key];
    if (!field || (key === 'visibility' && value === 'all')) return true;
    const actual = field(row).toLowerCase();
    const wanted = value.toLowerCase();
    return wanted.startsWith('in:')
      ? wanted.slice(3).split(',').includes(actual)
      : actual === wanted;
  });
}
