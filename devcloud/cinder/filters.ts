import type { FastifyRequest } from 'fastify';
import { paginate, queryOf, sortRows } from '../api/lists.js';
import { badRequest } from '../api/errors.js';
import type { Snapshot, Volume } from './rows.js';

type Row = Volume | Snapshot;

/** A project's own rows; an administrator gets everyone's with `all_tenants`. */
export function listRows<T extends Row>(
  rows: T[],
  request: FastifyRequest,
  fields: Record<string, (row: T) => string>,
) {
  const query = queryOf(request);
  const everyone =
    request.caller.isAdmin &&
    ['1', 'true'].includes((query.get('all_tenants') ?? '').toLowerCase());
  const wantedProject = everyone ? query.get('project_id') : request.caller.projectId;
  const seen = rows.filter((row) => wantedProject === null || row.projectId === wantedProject);
  const filtered = seen.filter((row) => matches(row, query, fields));
  return paginate(sortedRows(filtered, query, fields), query);
}

function matches<T extends Row>(
  row: T,
  query: URLSearchParams,
  fields: Record<string, (row: T) => string>,
): boolean {
  return [...query].every(([key, value]) => {
    if (key === 'metadata') return hasMetadata(row.metadata, value);
    if (key.endsWith('~')) return fields[key.slice(0, -1)]?.(row).includes(value) ?? true;
    return !fields[key] || fields[key](row) === value;
  });
}

/** Clients send `{"key": "value"}`, or the same as a Python literal. */
function hasMetadata(metadata: Record<string, string>, text: string): boolean {
  const wanted = parseLiteral(text);
  return Object.entries(wanted).every(([key, value]) => metadata[key] === String(value));
}

function parseLiteral(text: string): object {
  for (const candidate of [text, text.replaceAll(/u?'/g, '"')]) {
    try {
      const value: unknown = JSON.parse(candidate);
      if (typeof value === 'object' && value !== null) return value;
    } catch {
      // Not this notation.
    }
  }
  throw badRequest(`Invalid filter metadata: ${text} is not a dictionary.`);
}

function sortedRows<T extends Row>(
  rows: T[],
  query: URLSearchParams,
  fields: Record<string, (row: T) => string>,
): T[] {
  const [key = 'created_at', direction = 'desc'] = (query.get('sort') ?? '').split(':');
  return sortRows(rows, {
    value: fields[query.get('sort_key') ?? key] ?? ((row) => row.createdAt),
    descending: (query.get('sort_dir') ?? direction) === 'desc',
  });
}
