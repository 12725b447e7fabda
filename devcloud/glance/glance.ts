import type { FastifyInstance } from 'fastify';
import { STATUS_CODES } from 'node:http';
import { open, type Service } from '../api/service.js';
import type { Cloud } from '../cloud.js';
import { imageDataRoutes } from './image-data.js';
import { imageUpdateRoutes } from './image-updates.js';
import { imageRoutes } from './images.js';

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

export const glance: Service = {
  name: 'image',
  prefix: '/image',
  // Glance alone answers mistakes with a page, unless it is asked for JSON; the markup stays even so.
  errorBody: ({ status, message }, { headers }) => {
    const phrase = STATUS_CODES[status] ?? 'Error';
    const title = `${status} ${phrase}`;
    if (headers.accept?.includes('application/json')) {
      return { message: `${escaped(message)}<br /><br />\n\n\n`, code: title, title: phrase };
    }
    return `<html>\n <head>\n  <title>${title}</title>\n </head>\n <body>\n  <h1>${title}</h1>\n  ${escaped(message)}<br /><br />\n\n\n </body>\n</html>`;
  },
  routes(app, cloud) {
    versionRoutes(app, cloud);
    imageRoutes(app, cloud);
    imageDataRoutes(app, cloud);
    imageUpdateRoutes(app, cloud);
    app.get('/v2/schemas/image', () => ({
      name: 'image',
      properties: {},
      additionalProperties: { type: 'string' },
    }));
    app.get('/v2/schemas/images', () => ({ name: 'images', properties: {} }));
    app.get('/v2/info/import', () => ({
      'import-methods': { description: 'Import methods available.', type: 'array', value: [] },
    }));
  },
};

function versionRoutes(app: FastifyInstance, cloud: Cloud): void {
  const versions = () => ({
    versions: ['v2.9', 'v2.7', 'v2.6', 'v2.5', 'v2.4', 'v2.3', 'v2.2', 'v2.1', 'v2.0'].map(
      (id, index) => ({
        id,
        status: index === 0 ? 'CURRENT' : 'SUPPORTED',
        links: [{ rel: 'self', href: `${cloud.url}/image/v2/` }],
      }),
    ),
  });
  app.get('/', open, (_request, reply) => reply.status(300).send(versions()));
  app.get('/versions', open, versions);
}
