import { randomUUID } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { Caller } from '../api/caller.js';
import type { ApiError } from '../api/errors.js';
import { paginate, queryOf, sortRows } from '../api/lists.js';
import { operation } from '../api/service.js';
import type { Cloud } from '../cloud.js';
import type { Collection } from '../state.js';
import { malformed, notAllowed, overQuota } from './errors.js';
import type { Resource } from './rows.js';

export type View = Record<string, unknown> & { id: string };

/** What lists, shows and tags work with, whatever the resource. */
export interface Kind<T extends Resource> {
  singular: string;
  plural: string;
  /** The part of the path, where it is not the plural. */
  path?: string;
  table: (cloud: Cloud) => Collection<T>;
  view: (row: T, cloud: Cloud, caller: Caller) => Record<string, unknown>;
  /** Who may see a row, beside its project and administrators. */
  alsoVisible?: (row: T, cloud: Cloud, caller: Caller) => boolean;
  missing: (id: string) => ApiError;
  /** Filters that are not simply a field of the view, or that clients use so often that no view is made for them. */
  filters?: Record<string, (row: T, values: string[]) => boolean>;
}

/** What every new resource starts with. */
export const newResource = (
  caller: { projectId: string; isAdmin: boolean },
  ask: { name?: string; description?: string; project_id?: string; tenant_id?: string },
): Resource => {
  const now = new Date().toISOString();
  const wanted = ask.project_id ?? ask.tenant_id ?? caller.projectId;
  if (wanted !== caller.projectId && !caller.isAdmin) throw notAllowed('create:tenant_id');
  return {
    id: randomUUID(),
    projectId: wanted,
    name: ask.name ?? '',
    description: ask.description ?? '',
    tags: [],
    revision: 0,
    createdAt: now,
    updatedAt: now,
  };
};

/** The changes with what Neutron counts and dates by itself. */
export const changed = <T extends Resource>(row: T, changes: Partial<T>): T => ({
  ...row,
  ...changes,
  revision: row.revision + 1,
  updatedAt: new Date().toISOString(),
});

const seconds = (iso: string): string => iso.replace(/\.\d+Z$/, 'Z');

export const commonView = (row: Resource): View => ({
  id: row.id,
  name: row.name,
  description: row.description,
  project_id: row.projectId,
  tenant_id: row.projectId,
  tags: row.tags,
  revision_number: row.revision,
  created_at: seconds(row.createdAt),
  updated_at: seconds(row.updatedAt),
});

export const commonFields = {
  name: z.string().max(255).optional(),
  description: z.string().max(255).optional(),
  project_id: z.string().optional(),
  tenant_id: z.string().optional(),
};

/** A body as Neutron wants it, `{network: {…}}`; with its words for what is wrong. */
export function parseResource<T extends z.ZodType>(
  singular: string,
  schema: T,
  body: unknown,
): z.output<T> {
  const inner = z.looseObject({ [singular]: z.unknown() }).safeParse(body);
  if (!inner.success || inner.data[singular] === undefined) {
    throw malformed(`Unable to find '${singular}' in request body`);
  }
  const parsed = schema.safeParse(inner.data[singular]);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  if (issue?.code === 'unrecognized_keys') {
    throw malformed(`Unrecognized attribute(s) '${issue.keys.join(', ')}'`);
  }
  throw malformed(`Invalid input for ${issue?.path.join('.')}. Reason: ${issue?.message}.`);
}

export function checkQuota(
  cloud: Cloud,
  projectId: string,
  ask: { resource: string; used: number; more?: number },
): void {
  if (cloud.quotas.exceeded('network', projectId, { more: 1, ...ask }))
    throw overQuota(ask.resource);
}

const visible = <T extends Resource>(kind: Kind<T>, row: T, cloud: Cloud, caller: Caller) =>
  caller.isAdmin ||
  row.projectId === caller.projectId ||
  Boolean(kind.alsoVisible?.(row, cloud, caller));

/** The row, when the caller may see it. */
export function findVisible<T extends Resource>(
  kind: Kind<T>,
  cloud: Cloud,
  caller: Caller,
  id: string,
): T {
  const row = kind.table(cloud).get(id);
  if (!row || !visible(kind, row, cloud, caller)) throw kind.missing(id);
  return row;
}

/** The row, when the caller may change it; 404 when unseen, 403 when only seen. */
export function findOwn<T extends Resource>(
  kind: Kind<T>,
  cloud: Cloud,
  caller: Caller,
  id: string,
): T {
  const row = findVisible(kind, cloud, caller, id);
  if (!caller.isAdmin && row.projectId !== caller.projectId) {
    throw notAllowed(`update_${kind.singular}`);
  }
  return row;
}

interface OnePath {
  Params: { id: string };
}

export function readRoutes<T extends Resource>(
  app: FastifyInstance,
  cloud: Cloud,
  kind: Kind<T>,
): void {
  const path = `/v2.0/${kind.path ?? kind.plural.replaceAll('_', '-')}`;

  app.get(path, operation(`${kind.singular}.list`), (request) => {
    const query = queryOf(request);
    const seen = kind.table(cloud).where((row) => visible(kind, row, cloud, request.caller));
    const filters = filtersOf(kind, query);
    const listed = seen
      .filter((row) => filters.ofRows.every((fits) => fits(row)))
      .map((row) => ({ ...commonView(row), ...kind.view(row, cloud, request.caller) }))
      .filter((view) => filters.ofViews.every((fits) => fits(view)));
    const { rows, next } = paginate(sorted(listed, query), query);
    return {
      [kind.plural]: rows.map((view) => chosenFields(view, query)),
      ...(next && {
        [`${kind.plural}_links`]: [{ rel: 'next', href: `${cloud.url}/networking${path}?${next}` }],
      }),
    };
  });

  app.get<OnePath>(`${path}/:id`, operation(`${kind.singular}.show`), (request) => {
    const row = findVisible(kind, cloud, request.caller, request.params.id);
    const view = { ...commonView(row), ...kind.view(row, cloud, request.caller) };
    return { [kind.singular]: chosenFields(view, queryOf(request)) };
  });
}

/** What a created or changed resource looks like in its answer. */
export const answer = <T extends Resource>(
  kind: Kind<T>,
  row: T,
  cloud: Cloud,
  caller: Caller,
) => ({
  [kind.singular]: { ...commonView(row), ...kind.view(row, cloud, caller) },
});

const notFilters = new Set([
  'fields',
  'limit',
  'marker',
  'sort_key',
  'sort_dir',
  'page_reverse',
  'verbose',
]);

interface Filters<T> {
  ofRows: ((row: T) => boolean)[];
  ofViews: ((view: View) => boolean)[];
}

function filtersOf<T extends Resource>(kind: Kind<T>, query: URLSearchParams): Filters<T> {
  const filters: Filters<T> = { ofRows: [], ofViews: [] };
  for (const field of new Set(query.keys())) {
    if (notFilters.has(field)) continue;
    const values = query.getAll(field);
    const ofRow = kind.filters?.[field] ?? commonFilters[field];
    if (ofRow) filters.ofRows.push((row) => ofRow(row, values));
    else filters.ofViews.push((view) => sameAsAny(fieldOf(view, field), values));
  }
  return filters;
}

function fieldOf(view: View, field: string): unknown {
  if (!(field in view)) throw malformed(`['${field}'] is invalid attribute for filtering`);
  return view[field];
}

function sameAsAny(value: unknown, wanted: string[]): boolean {
  if (Array.isArray(value)) return value.some((one) => wanted.includes(String(one)));
  if (typeof value === 'boolean') {
    return wanted.some((one) => ['true', '1'].includes(one.toLowerCase()) === value);
  }
  return wanted.includes(textOf(value));
}

function textOf(value: unknown): string {
  if (value === null || value === undefined) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

const words = (values: string[]): string[] => values.flatMap((value) => value.split(','));

const commonFilters: Record<string, (row: Resource, values: string[]) => boolean> = {
  id: ({ id }, values) => values.includes(id),
  name: ({ name }, values) => values.includes(name),
  project_id: ({ projectId }, values) => values.includes(projectId),
  tenant_id: ({ projectId }, values) => values.includes(projectId),
  tags: ({ tags }, values) => words(values).every((tag) => tags.includes(tag)),
  'tags-any': ({ tags }, values) => words(values).some((tag) => tags.includes(tag)),
  'not-tags': ({ tags }, values) => !words(values).every((tag) => tags.includes(tag)),
  'not-tags-any': ({ tags }, values) => !words(values).some((tag) => tags.includes(tag)),
};

function sorted(views: View[], query: URLSearchParams): View[] {
  const key = query.get('sort_key');
  if (!key) return views;
  return sortRows(views, {
    value: (view) => textOf(view[key]),
    descending: query.get('sort_dir') === 'desc',
  });
}

function chosenFields(view: View, query: URLSearchParams): Record<string, unknown> {
  const fields = query.getAll('fields');
  if (fields.length === 0) return view;
  return Object.fromEntries(Object.entries(view).filter(([key]) => fields.includes(key)));
}
