import { open, type Service } from './api/service.js';

/** Only the document that clients look for before they ask nothing more. */
export const placementRoot: Service = {
  name: 'placement',
  prefix: '/placement',
  errorBody: ({ status, message }) => ({ errors: [{ status, detail: message }] }),
  routes(app) {
    app.get('/', open, () => ({
      versions: [
        {
          id: 'v1.0',
          status: 'CURRENT',
          min_version: '1.0',
          max_version: '1.39',
          links: [{ rel: 'self', href: '' }],
        },
      ],
    }));
  },
};
