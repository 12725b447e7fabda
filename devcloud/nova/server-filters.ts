import type { FastifyRequest } from 'fastify';
import { badRequest } from '../api/errors.js';
import { queryOf, sortRows } from '../api/lists.js';
import type { Cloud } from '../cloud.js';
import type { Server } from './rows.js';
import { addressesOf, statusOf } from './views.js';

type Filter = (row: Server, values: string[], cloud: Cloud) => boolean;

/** Nova matches names and addresses as regular expressions. */
const regex = (text: string): RegExp => {
  try {
    return new RegExp(text);
  } catch {
    throw badRequest(`Invalid input for query parameters name. '${text}' is not a 'regex'`);
  }
};

const list = (values: string[]): string[] => values.flatMap((value) => value.split(','));

const filters: Record<string, Filter> = {
  name: ({ name }, [wanted = '']) => regex(wanted).test(name),
  status: (row, values) => values.some((value) => value.toUpperCase() === statusOf(row)),
  image: ({ imageId }, values) => values.includes(imageId ?? ''),
  flavor: ({ flavor }, values) => values.includes(flavor.id),
  ip: (row, [wanted = ''], cloud) => regex(wanted).test(addressText(cloud, row)),
  reservation_id: ({ reservationId }, values) => values.includes(reservationId),
  'changes-since': ({ updatedAt }, [since = '']) => Date.parse(updatedAt) >= Date.parse(since),
  tags: ({ tags }, values) => list(values).every((tag) => tags.includes(tag)),
  'tags-any': ({ tags }, values) => list(values).some((tag) => tags.includes(tag)),
  'not-tags': ({ tags }, values) => !list(values).every((tag) => tags.includes(tag)),
  'not-tags-any': ({ tags }, values) => !list(values).some((tag) => tags.includes(tag)),
};

/** Others send these too, but only administrators' count (all of them since 2.83). */
const adminFilters: Record<string, Filter> = {
  uuid: ({ id }, values) => values.includes(id),
  key_name: ({ keyName }, values) => values.includes(keyName ?? ''),
  user_id: ({ userId }, values) => values.includes(userId),
  vm_state: ({ vmState }, values) => values.includes(vmState),
  task_state: ({ taskState }, values) => values.includes(taskState ?? ''),
  host: (_row, values) => values.includes('devcloud'),
};

const addressText = (cloud: Cloud, row: Server): string =>
  JSON.stringify(Object.values(addressesOf(cloud, row)));

export function listServers(cloud: Cloud, request: FastifyRequest): Server[] {
  const { caller, minor } = request;
  const query = queryOf(request);
  const everyone =
    caller.isAdmin && ['1', 'true'].includes((query.get('all_tenants') ?? '').toLowerCase());
  const project = everyone ? (query.get('project_id') ?? query.get('tenant_id')) : caller.projectId;
  const known = { ...filters, ...((caller.isAdmin || minor >= 83) && adminFilters) };
  const rows = cloud.tables.servers.where(
    (row) =>
      row.vmState !== 'soft-delete' &&
      (project === null || row.projectId === project) &&
      [...new Set(query.keys())].every(
        (key) => known[key]?.(row, query.getAll(key), cloud) ?? true,
      ),
  );
  return sortRows(rows, {
    value: sortValue(query.get('sort_key')),
    descending: (query.get('sort_dir') ?? 'desc') === 'desc',
  });
}

const sortValue =
  (key: string | null) =>
  (row: Server): string => {
    if (key === 'display_name') return row.name;
    return key === 'uuid' ? row.id : row.createdAt;
  };
