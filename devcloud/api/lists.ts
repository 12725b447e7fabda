import type { FastifyRequest } from 'fastify';
import { badRequest } from './errors.js';

export const queryOf = (request: FastifyRequest): URLSearchParams =>
  new URL(request.url, 'http://devcloud').searchParams;

interface Page<T> {
  rows: T[];
  /** The query of the next page, when there is one. */
  next: string | undefined;
}

/** OpenStack's `limit` and `marker` (the id of the last row of the page before). */
export function paginate<T extends { id: string }>(rows: T[], query: URLSearchParams): Page<T> {
  const limit = Number(query.get('limit') ?? '1000');
  if (!Number.isInteger(limit) || limit < 0) {
    throw badRequest(`limit param must be an integer`);
  }
  const marker = query.get('marker');
  const start = marker === null ? 0 : rows.findIndex((row) => row.id === marker) + 1;
  if (marker !== null && start === 0) throw badRequest(`marker [${marker}] not found`);
  const page = limit === 0 ? rows.slice(start) : rows.slice(start, start + limit);
  const last = page.at(-1);
  return { rows: page, next: last && last !== rows.at(-1) ? nextQuery(query, last.id) : undefined };
}

function nextQuery(query: URLSearchParams, marker: string): string {
  const next = new URLSearchParams(query);
  next.set('marker', marker);
  return next.toString();
}

/** Nova, Cinder and Glance list the youngest first, unless asked otherwise. */
export function sortRows<T>(rows: T[], sort: { value: (row: T) => string; descending: boolean }) {
  const direction = sort.descending ? -1 : 1;
  return rows
    .map((row, index) => ({ row, index }))
    .sort(
      (a, b) => direction * (compare(sort.value(a.row), sort.value(b.row)) || a.index - b.index),
    )
    .map(({ row }) => row);
}

const compare = (a: string, b: string): number => (a < b ? -1 : Number(a > b));
