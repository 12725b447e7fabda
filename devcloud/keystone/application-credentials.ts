import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { ApiError, conflict, forbidden, notFound } from '../api/errors.js';
import type { Caller } from '../api/caller.js';
import { queryOf } from '../api/lists.js';
import { parseBody } from '../api/parse.js';
import { operation } from '../api/service.js';
import type { Cloud } from '../cloud.js';
import { hashSecret, hexId, randomSecret } from './secrets.js';
import type { ApplicationCredential } from './rows.js';

const createRequest = z.object({
  application_credential: z.object({
    name: z.string().min(1).max(255),
    secret: z.string().nullish(),
    description: z.string().nullish(),
    expires_at: z.string().nullish(),
    unrestricted: z.boolean().nullish(),
    roles: z.array(z.object({ id: z.string(), name: z.string() }).partial()).nullish(),
  }),
});

interface Path {
  Params: { userId: string };
}
interface OnePath {
  Params: { userId: string; id: string };
}

export function applicationCredentialRoutes(app: FastifyInstance, cloud: Cloud): void {
  const table = cloud.tables.applicationCredentials;
  const path = '/v3/users/:userId/application_credentials';

  app.post<Path>(path, operation('application_credential.create'), (request, reply) => {
    const { caller } = request;
    mustBeSelf(caller, request.params.userId, 'create_application_credential');
    const ask = parseBody(createRequest, request.body).application_credential;
    if (table.find((row) => row.userId === caller.userId && row.name === ask.name)) {
      throw conflict(
        `Conflict occurred attempting to store application_credential - Duplicate entry found with name ${ask.name}.`,
      );
    }
    const secret = ask.secret ?? randomSecret();
    const row = table.put({
      id: hexId(),
      name: ask.name,
      description: ask.description ?? null,
      userId: caller.userId,
      projectId: caller.projectId,
      roles: wishedRoles(cloud, caller, ask.roles ?? null),
      secretHash: hashSecret(secret),
      expiresAt: ask.expires_at ?? null,
    });
    return reply.status(201).send({ application_credential: { ...view(cloud, row), secret } });
  });

  app.get<Path>(path, operation('application_credential.list'), (request) => {
    const name = queryOf(request).get('name');
    const rows = table.where(
      (row) => row.userId === request.params.userId && (!name || row.name === name),
    );
    return {
      application_credentials: rows.map((row) => view(cloud, row)),
      links: { self: `${cloud.url}/identity${request.url}`, previous: null, next: null },
    };
  });

  const find = ({ userId, id }: OnePath['Params']): ApplicationCredential => {
    const row = table.find((one) => one.id === id && one.userId === userId);
    if (!row) throw notFound(`Could not find Application Credential: ${id}.`);
    return row;
  };

  app.get<OnePath>(`${path}/:id`, operation('application_credential.show'), (request) => ({
    application_credential: view(cloud, find(request.params)),
  }));

  app.delete<OnePath>(
    `${path}/:id`,
    operation('application_credential.delete'),
    (request, reply) => {
      mustBeSelf(request.caller, request.params.userId, 'delete_application_credential');
      const { id } = find(request.params);
      table.delete(id);
      for (const token of cloud.tables.tokens.where((row) => row.applicationCredentialId === id)) {
        cloud.tables.tokens.delete(token.id);
      }
      return reply.status(204).send();
    },
  );
}

function mustBeSelf(caller: Caller, userId: string, action: string): void {
  if (caller.userId === userId) return;
  throw forbidden(`You are not authorized to perform the requested action: identity:${action}.`);
}

function wishedRoles(
  cloud: Cloud,
  caller: Caller,
  wanted: { id?: string; name?: string }[] | null,
): string[] {
  if (!wanted?.length) return caller.roles;
  return wanted.map(({ id, name }) => {
    const role = cloud.tables.roles.find((row) => (id ? row.id === id : row.name === name));
    if (!role || !caller.roles.includes(role.name)) {
      throw new ApiError(404, `Could not find role assignment with role: ${id ?? name}.`);
    }
    return role.name;
  });
}

const view = (cloud: Cloud, row: ApplicationCredential) => ({
  id: row.id,
  name: row.name,
  description: row.description,
  project_id: row.projectId,
  user_id: row.userId,
  expires_at: row.expiresAt,
  unrestricted: false,
  system: null,
  roles: cloud.tables.roles
    .where(({ name }) => row.roles.includes(name))
    .map(({ id, name }) => ({ id, name, domain_id: null, description: null, options: {} })),
  links: {
    self: `${cloud.url}/identity/v3/users/${row.userId}/application_credentials/${row.id}`,
  },
});
