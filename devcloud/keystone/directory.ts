import type { FastifyInstance } from 'fastify';
import type { Caller } from '../api/caller.js';
import { forbidden, notFound } from '../api/errors.js';
import { queryOf } from '../api/lists.js';
import type { Cloud } from '../cloud.js';
import { endpointList, regionName, serviceList } from './catalog.js';
import type { Project, Role, User } from './rows.js';

type View = Record<string, unknown> & { id: string };

interface OnePath {
  Params: { id: string };
}

interface Kind {
  plural: string;
  singular: string;
  list: (cloud: Cloud) => View[];
}

export const projectView = (row: Project): View => ({
  ...row,
  domain_id: 'default',
  parent_id: 'default',
  is_domain: false,
  tags: [],
  options: {},
});

export const userView = ({ id, name, enabled, defaultProjectId }: User): View => ({
  id,
  name,
  enabled,
  default_project_id: defaultProjectId,
  domain_id: 'default',
  password_expires_at: null,
  options: {},
});

const roleView = (row: Role): View => ({
  ...row,
  domain_id: null,
  description: null,
  options: {},
});

const domains: View[] = [
  {
    id: 'default',
    name: 'Default',
    enabled: true,
    description: 'The default domain',
    options: {},
    tags: [],
  },
];

const kinds: Kind[] = [
  {
    plural: 'projects',
    singular: 'project',
    list: ({ tables }) => tables.projects.all().map(projectView),
  },
  { plural: 'users', singular: 'user', list: ({ tables }) => tables.users.all().map(userView) },
  { plural: 'roles', singular: 'role', list: ({ tables }) => tables.roles.all().map(roleView) },
  { plural: 'domains', singular: 'domain', list: () => domains },
  { plural: 'services', singular: 'service', list: () => serviceList() },
  { plural: 'endpoints', singular: 'endpoint', list: (cloud) => endpointList(cloud) },
  {
    plural: 'regions',
    singular: 'region',
    list: () => [{ id: regionName, description: '', parent_region_id: null }],
  },
];

/** Projects, users, roles and what else clients look up by name. */
export function directoryRoutes(app: FastifyInstance, cloud: Cloud): void {
  for (const kind of kinds) readRoutes(app, cloud, kind);
}

function readRoutes(app: FastifyInstance, cloud: Cloud, kind: Kind): void {
  const path = `/v3/${kind.plural}`;
  const link = (view: View) => ({
    ...view,
    links: { self: `${cloud.url}/identity${path}/${view.id}` },
  });

  app.get(path, (request) => {
    if (['projects', 'users'].includes(kind.plural))
      mayManage(request.caller, `list_${kind.plural}`);
    const query = queryOf(request);
    const rows = kind.list(cloud).filter((view) => matchesQuery(view, query));
    return {
      [kind.plural]: rows.map(link),
      links: { self: `${cloud.url}/identity${request.url}`, previous: null, next: null },
    };
  });

  app.get<OnePath>(`${path}/:id`, (request) => {
    const { id } = request.params;
    const view = kind.list(cloud).find((one) => one.id === id);
    if (!view) throw notFound(`Could not find ${kind.singular}: ${id}.`);
    const own = [request.caller.userId, request.caller.projectId].includes(id);
    if (['project', 'user'].includes(kind.singular) && !own)
      mayManage(request.caller, `get_${kind.singular}`);
    return { [kind.singular]: link(view) };
  });
}

function matchesQuery(view: View, query: URLSearchParams): boolean {
  return ['name', 'type', 'domain_id', 'service_id', 'interface', 'region_id'].every((field) => {
    const wanted = query.get(field);
    return wanted === null || view[field] === undefined || view[field] === wanted;
  });
}

export function mayManage(caller: Caller, action: string): void {
  if (caller.isAdmin) return;
  throw forbidden(`You are not authorized to perform the requested action: identity:${action}.`);
}
