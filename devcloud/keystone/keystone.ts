import type { FastifyInstance } from 'fastify';
import { open, type Service } from '../api/service.js';
import type { Cloud } from '../cloud.js';
import { accountRoutes } from './accounts.js';
import { applicationCredentialRoutes } from './application-credentials.js';
import { directoryRoutes } from './directory.js';
import { tokenRoutes } from './tokens.js';

const titles: Record<number, string> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  409: 'Conflict',
  500: 'Internal Server Error',
};

export const keystone: Service = {
  name: 'identity',
  prefix: '/identity',
  errorBody: ({ status, message }) => ({
    error: { code: status, title: titles[status] ?? 'Error', message },
  }),
  routes(app, cloud) {
    versionRoutes(app, cloud);
    tokenRoutes(app, cloud);
    directoryRoutes(app, cloud);
    accountRoutes(app, cloud);
    applicationCredentialRoutes(app, cloud);
  },
};

function versionRoutes(app: FastifyInstance, cloud: Cloud): void {
  const version = () => ({
    id: 'v3.14',
    status: 'stable',
    updated: '2020-04-07T00:00:00Z',
    links: [{ rel: 'self', href: `${cloud.url}/identity/v3/` }],
    'media-types': [
      { base: 'application/json', type: 'application/vnd.openstack.identity-v3+json' },
    ],
  });
  app.get('/', open, (_request, reply) =>
    reply.status(300).send({ versions: { values: [version()] } }),
  );
  app.get('/v3', open, () => ({ version: version() }));
}
