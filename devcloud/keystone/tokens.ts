import type { FastifyInstance, FastifyRequest } from 'fastify';
import { findToken } from '../api/caller.js';
import { notFound } from '../api/errors.js';
import { queryOf } from '../api/lists.js';
import { parseBody } from '../api/parse.js';
import { operation } from '../api/service.js';
import type { Cloud } from '../cloud.js';
import { authRequest, issueToken } from './authenticate.js';
import { catalogFor } from './catalog.js';
import type { Token } from './rows.js';

export function tokenRoutes(app: FastifyInstance, cloud: Cloud): void {
  const path = '/v3/auth/tokens';

  app.post(path, { config: { operation: 'token.create', open: true } }, (request, reply) => {
    const token = issueToken(cloud, parseBody(authRequest, request.body).auth);
    return reply
      .status(201)
      .header('x-subject-token', token.id)
      .send({ token: tokenView(cloud, token, !queryOf(request).has('nocatalog')) });
  });

  // GET serves HEAD too, as Fastify adds it by itself.
  app.get(path, operation('token.show'), (request, reply) => {
    const token = subject(cloud, request);
    return reply
      .header('x-subject-token', token.id)
      .send({ token: tokenView(cloud, token, !queryOf(request).has('nocatalog')) });
  });

  app.delete(path, operation('token.delete'), (request, reply) => {
    cloud.tables.tokens.delete(subject(cloud, request).id);
    return reply.status(204).send();
  });

  app.get('/v3/auth/catalog', (request) => ({
    catalog: catalogFor(cloud, request.caller.projectId),
    links: { self: `${cloud.url}/identity${path}`, previous: null, next: null },
  }));
}

function subject(cloud: Cloud, request: FastifyRequest): Token {
  const token = findToken(cloud, request.headers['x-subject-token']);
  if (!token) throw notFound('Failed to validate token');
  return token;
}

const keystoneTime = (iso: string): string => iso.replace('Z', '000Z');
const domain = { id: 'default', name: 'Default' };

function tokenView(cloud: Cloud, token: Token, withCatalog: boolean) {
  const project = token.projectId && cloud.tables.projects.get(token.projectId);
  const user = cloud.tables.users.get(token.userId);
  const roles = cloud.tables.roles.where(({ name }) => token.roles.includes(name));
  return {
    methods: token.methods,
    user: { domain, id: token.userId, name: user?.name ?? '', password_expires_at: null },
    audit_ids: [token.auditId],
    expires_at: keystoneTime(token.expiresAt),
    issued_at: keystoneTime(token.issuedAt),
    ...(project && {
      project: { domain, id: project.id, name: project.name },
      is_domain: false,
      roles: roles.map(({ id, name }) => ({ id, name })),
      ...(withCatalog && { catalog: catalogFor(cloud, project.id) }),
    }),
    ...(token.applicationCredentialId && {
      application_credential: { id: token.applicationCredentialId, restricted: true },
    }),
  };
}
