import type { FastifyInstance } from 'fastify';
import { open, type Service } from '../api/service.js';
import type { ApiError } from '../api/errors.js';
import type { Cloud } from '../cloud.js';
import { cloudInfoRoutes } from './cloud-info.js';
import { flavorRoutes } from './flavors.js';
import { interfaceRoutes } from './interfaces.js';
import { keypairRoutes } from './keypairs.js';
import { quotaRoutes } from './quotas.js';
import { serverActionRoutes } from './server-actions.js';
import { serverDetailRoutes } from './server-details.js';
import { serverJobs } from './server-jobs.js';
import { serverRoutes } from './servers.js';
import { volumeAttachmentJobs, volumeAttachmentRoutes } from './volume-attachments.js';

const faultNames: Record<number, string> = {
  400: 'badRequest',
  403: 'forbidden',
  404: 'itemNotFound',
  405: 'badMethod',
  409: 'conflictingRequest',
  413: 'overLimit',
  429: 'overLimit',
  501: 'notImplemented',
  503: 'serviceUnavailable',
};

const errorBody = ({ status, message }: ApiError) => ({
  [faultNames[status] ?? 'computeFault']: { code: status, message },
});

const microversions = {
  service: 'compute',
  legacyHeader: 'x-openstack-nova-api-version',
  min: '2.1',
  max: '2.93',
};

const versionDocument = (cloud: Cloud) => ({
  id: 'v2.1',
  status: 'CURRENT',
  version: microversions.max,
  min_version: microversions.min,
  updated: '2013-07-23T11:33:21Z',
  links: [
    { rel: 'self', href: `${cloud.url}/compute/v2.1/` },
    { rel: 'describedby', type: 'text/html', href: 'http://docs.openstack.org/' },
  ],
  'media-types': [
    { base: 'application/json', type: 'application/vnd.openstack.compute+json;version=2.1' },
  ],
});

function versionRoutes(app: FastifyInstance, cloud: Cloud): void {
  app.get('/', open, () => ({ versions: [versionDocument(cloud)] }));
  app.get('/v2.1', open, () => ({ version: versionDocument(cloud) }));
}

export const novaServices: Service[] = [
  { name: 'compute', prefix: '/compute', errorBody, routes: versionRoutes },
  {
    name: 'compute',
    prefix: '/compute/v2.1',
    errorBody,
    microversions,
    routes(app, cloud) {
      serverRoutes(app, cloud);
      serverActionRoutes(app, cloud);
      serverDetailRoutes(app, cloud);
      interfaceRoutes(app, cloud);
      volumeAttachmentRoutes(app, cloud);
      flavorRoutes(app, cloud);
      keypairRoutes(app, cloud);
      quotaRoutes(app, cloud);
      cloudInfoRoutes(app, cloud);
    },
  },
];

export function novaJobs(cloud: Cloud): void {
  serverJobs(cloud);
  volumeAttachmentJobs(cloud);
}
