import type { FastifyInstance } from 'fastify';
import { open, type Service } from '../api/service.js';
import type { Cloud } from '../cloud.js';
import { extensionRoutes } from './extensions.js';
import { networkRoutes } from './networks.js';
import { portRoutes } from './ports.js';
import { quotaRoutes } from './quotas.js';
import { routerInterfaceRoutes } from './router-interfaces.js';
import { routerRoutes } from './routers.js';
import { securityGroupRuleRoutes } from './security-group-rules.js';
import { securityGroupRoutes } from './security-groups.js';
import { subnetRoutes } from './subnets.js';

const httpTypes: Record<number, string> = {
  400: 'HTTPBadRequest',
  403: 'PolicyNotAuthorized',
  404: 'HTTPNotFound',
  409: 'HTTPConflict',
};

export const neutron: Service = {
  name: 'network',
  prefix: '/networking',
  errorBody: ({ status, type, message }) => ({
    NeutronError: {
      type: type ?? httpTypes[status] ?? 'HTTPInternalServerError',
      message,
      detail: '',
    },
  }),
  routes(app, cloud) {
    versionRoutes(app, cloud);
    networkRoutes(app, cloud);
    subnetRoutes(app, cloud);
    portRoutes(app, cloud);
    routerRoutes(app, cloud);
    routerInterfaceRoutes(app, cloud);
    securityGroupRoutes(app, cloud);
    securityGroupRuleRoutes(app, cloud);
    quotaRoutes(app, cloud);
    extensionRoutes(app, cloud);
  },
};

const collections = ['networks', 'subnets', 'ports', 'routers', 'security-groups', 'quotas'];

function versionRoutes(app: FastifyInstance, cloud: Cloud): void {
  app.get('/', open, () => ({
    versions: [
      {
        id: 'v2.0',
        status: 'CURRENT',
        links: [{ rel: 'self', href: `${cloud.url}/networking/v2.0/` }],
      },
    ],
  }));
  app.get('/v2.0', open, () => ({
    resources: collections.map((collection) => ({
      collection,
      name: collection.replace(/s$/, ''),
      links: [{ rel: 'self', href: `${cloud.url}/networking/v2.0/${collection}` }],
    })),
  }));
}
