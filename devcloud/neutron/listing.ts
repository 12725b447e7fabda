import type { FastifyInstance } from 'fastify';
import { paginate, queryOf, sortRows } from '../api/lists.js';
import { operation } from '../api/service.js';
import type { Cloud } from '../cloud.js';
import { malformed } from './errors.js';
import { commonView, findVisible, visible, type Kind, type View } from './resource.js';
import type { Resource } from './rows.js';

interface OnePath {
  Params: { id: string };
}

export function readRoutes<T extends Resource>(
  app: FastifyInstance,
  cloud: Cloud,
  kind: Kind<T>,
): void {
  const path = `/v2.0/${kind.plural.replaceAll('_', '-')}`;

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
