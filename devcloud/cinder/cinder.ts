import type { FastifyInstance } from 'fastify';
import type { ApiError } from '../api/errors.js';
import { open, type Service } from '../api/service.js';
import type { Cloud } from '../cloud.js';
import { attachmentRoutes } from './attachments.js';
import { limitRoutes } from './limits.js';
import { metadataRoutes } from './metadata.js';
import { snapshotJobs, snapshotRoutes } from './snapshots.js';
import { volumeActionRoutes } from './volume-actions.js';
import { volumeJobs } from './volume-jobs.js';
import { volumeRoutes } from './volumes.js';

const faultNames: Record<number, string> = {
  400: 'badRequest',
  403: 'forbidden',
  404: 'itemNotFound',
  405: 'badMethod',
  409: 'conflictingRequest',
  413: 'overLimit',
  503: 'serviceUnavailable',
};

const errorBody = ({ status, message, headers }: ApiError) => ({
  [faultNames[status] ?? 'computeFault']: {
    code: status,
    message,
    ...(headers['retry-after'] && { retryAfter: headers['retry-after'] }),
  },
});

const microversions = { service: 'volume', min: '3.0', max: '3.70' };

const versionDocument = (cloud: Cloud) => ({
  id: 'v3.0',
  status: 'CURRENT',
  version: microversions.max,
  min_version: microversions.min,
  updated: '2023-08-31T00:00:00Z',
  links: [
    { rel: 'describedby', type: 'text/html', href: 'https://docs.openstack.org/' },
    { rel: 'self', href: `${cloud.url}/volume/v3/` },
  ],
  'media-types': [
    { base: 'application/json', type: 'application/vnd.openstack.volume+json;version=3' },
  ],
});

function resources(app: FastifyInstance, cloud: Cloud): void {
  volumeRoutes(app, cloud);
  volumeActionRoutes(app, cloud);
  snapshotRoutes(app, cloud);
  metadataRoutes(app, cloud);
  attachmentRoutes(app, cloud);
  limitRoutes(app, cloud);
}

/** Paths may name the project or, since microversion 3.67, leave it out. */
export const cinderServices: Service[] = [
  {
    name: 'volume',
    prefix: '/volume',
    errorBody,
    routes(app, cloud) {
      app.get('/', open, (_request, reply) =>
        reply.status(300).send({ versions: [versionDocument(cloud)] }),
      );
      app.get('/v3', open, () => ({ versions: [versionDocument(cloud)] }));
    },
  },
  ...['/volume/v3/:projectId', '/volume/v3'].map((prefix): Service => ({
    name: 'volume',
    prefix,
    errorBody,
    microversions,
    routes: resources,
  })),
];

export function cinderJobs(cloud: Cloud): void {
  volumeJobs(cloud);
  snapshotJobs(cloud);
}
