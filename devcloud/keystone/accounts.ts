import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { conflict, notFound } from '../api/errors.js';
import { queryOf } from '../api/lists.js';
import { parseBody } from '../api/parse.js';
import type { Cloud } from '../cloud.js';
import type { Collection } from '../state.js';
import { mayManage, projectView, userView } from './directory.js';
import type { Project, User } from './rows.js';
import { hashSecret, hexId, randomSecret } from './secrets.js';

interface OnePath {
  Params: { id: string };
}

/** Who there is, and what each may do where. */
export function accountRoutes(app: FastifyInstance, cloud: Cloud): void {
  projectAndUserRoutes(app, cloud);
  roleAssignmentRoutes(app, cloud);
}

const projectRequest = z.object({
  project: z.object({ name: z.string().min(1), description: z.string().default('') }),
});

const userRequest = z.object({
  user: z.object({
    name: z.string().min(1),
    password: z.string().optional(),
    default_project_id: z.string().nullish(),
  }),
});

const userChanges = z.object({ user: z.strictObject({ password: z.string() }) });

function projectAndUserRoutes(app: FastifyInstance, cloud: Cloud): void {
  const { projects, tokens, users } = cloud.tables;

  app.post('/v3/projects', (request, reply) => {
    mayManage(request.caller, 'create_project');
    const { name, description } = parseBody(projectRequest, request.body).project;
    mustBeNew(projects, name, 'project');
    const row = projects.put({ id: hexId(), name, description, enabled: true });
    return reply.status(201).send({ project: projectView(row) });
  });

  app.post('/v3/users', (request, reply) => {
    mayManage(request.caller, 'create_user');
    const ask = parseBody(userRequest, request.body).user;
    mustBeNew(users, ask.name, 'user');
    const row = users.put({
      id: hexId(),
      name: ask.name,
      passwordHash: hashSecret(ask.password ?? randomSecret()),
      enabled: true,
      defaultProjectId: ask.default_project_id ?? null,
    });
    return reply.status(201).send({ user: userView(row) });
  });

  // A new password ends what was opened with the old one, also when it is the same.
  app.patch<OnePath>('/v3/users/:id', (request) => {
    mayManage(request.caller, 'update_user');
    const { id } = request.params;
    const row = users.get(id);
    if (!row) throw notFound(`Could not find user: ${id}.`);
    const { password } = parseBody(userChanges, request.body).user;
    const next = users.put({ ...row, passwordHash: hashSecret(password) });
    for (const token of tokens.where(({ userId }) => userId === id)) tokens.delete(token.id);
    return { user: userView(next) };
  });

  app.delete<OnePath>('/v3/projects/:id', (request, reply) => {
    mayManage(request.caller, 'delete_project');
    projects.delete(request.params.id);
    return reply.status(204).send();
  });

  app.delete<OnePath>('/v3/users/:id', (request, reply) => {
    mayManage(request.caller, 'delete_user');
    users.delete(request.params.id);
    return reply.status(204).send();
  });

  const projectsOf = (userId: string) => {
    const ids = cloud.tables.assignments.where((row) => row.userId === userId);
    return projects.where(({ id }) => ids.some(({ projectId }) => projectId === id));
  };
  app.get<OnePath>('/v3/users/:id/projects', (request) => ({
    projects: projectsOf(request.params.id).map(projectView),
    links: {},
  }));
  app.get('/v3/auth/projects', (request) => ({
    projects: projectsOf(request.caller.userId).map(projectView),
    links: {},
  }));
}

function roleAssignmentRoutes(app: FastifyInstance, cloud: Cloud): void {
  const { assignments, projects, roles, users } = cloud.tables;
  const domain = { id: 'default', name: 'Default' };
  interface Path {
    Params: { projectId: string; userId: string; roleId: string };
  }
  const path = '/v3/projects/:projectId/users/:userId/roles';

  app.put<Path>(`${path}/:roleId`, (request, reply) => {
    mayManage(request.caller, 'create_grant');
    const { projectId, userId, roleId } = request.params;
    if (!roles.get(roleId)) throw notFound(`Could not find role: ${roleId}.`);
    assignments.put({ id: `${userId}/${projectId}/${roleId}`, projectId, userId, roleId });
    return reply.status(204).send();
  });

  app.delete<Path>(`${path}/:roleId`, (request, reply) => {
    mayManage(request.caller, 'revoke_grant');
    const { projectId, userId, roleId } = request.params;
    assignments.delete(`${userId}/${projectId}/${roleId}`);
    return reply.status(204).send();
  });

  app.get('/v3/role_assignments', (request) => {
    mayManage(request.caller, 'list_role_assignments');
    const query = queryOf(request);
    const wanted = assignments.where(
      (row) =>
        (!query.has('user.id') || query.get('user.id') === row.userId) &&
        (!query.has('scope.project.id') || query.get('scope.project.id') === row.projectId) &&
        (!query.has('role.id') || query.get('role.id') === row.roleId),
    );
    return {
      role_assignments: wanted.map((row) => ({
        role: { id: row.roleId, name: roles.get(row.roleId)?.name },
        user: { id: row.userId, name: users.get(row.userId)?.name, domain },
        scope: { project: { id: row.projectId, name: projects.get(row.projectId)?.name, domain } },
        links: {},
      })),
      links: {},
    };
  });
}

function mustBeNew(
  table: Collection<Project> | Collection<User>,
  name: string,
  kind: string,
): void {
  if (table.all().some((row) => row.name === name)) {
    throw conflict(
      `Conflict occurred attempting to store ${kind} - it is not permitted to have two ${kind}s with the same name in the same domain: ${name}.`,
    );
  }
}
