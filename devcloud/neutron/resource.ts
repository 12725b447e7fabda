import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { Caller } from '../api/caller.js';
import type { ApiError } from '../api/errors.js';
import type { Cloud } from '../cloud.js';
import type { Collection } from '../state.js';
import { malformed, notAllowed, overQuota } from './errors.js';
import type { Resource } from './rows.js';

export type View = Record<string, unknown> & { id: string };

/** What lists, shows and tags work with, whatever the resource. */
export interface Kind<T extends Resource> {
  singular: string;
  plural: string;
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

export const visible = <T extends Resource>(kind: Kind<T>, row: T, cloud: Cloud, caller: Caller) =>
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

/** What a created or changed resource looks like in its answer. */
export const answer = <T extends Resource>(
  kind: Kind<T>,
  row: T,
  cloud: Cloud,
  caller: Caller,
) => ({
  [kind.singular]: { ...commonView(row), ...kind.view(row, cloud, caller) },
});
