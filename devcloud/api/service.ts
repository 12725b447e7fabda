import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Cloud } from '../cloud.js';
import { authenticate } from './caller.js';
import { ApiError } from './errors.js';
import { negotiate, type Microversions } from './microversions.js';

export interface Service {
  name: ServiceName;
  prefix: string;
  errorBody(error: ApiError, request: FastifyRequest): unknown;
  microversions?: Microversions;
  routes(app: FastifyInstance, cloud: Cloud): void;
}

export type ServiceName =
  'identity' | 'compute' | 'volume' | 'network' | 'image' | 'placement' | 'devcloud';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Which service answers here. */
    service?: ServiceName;
    /** What a planned fault may name, such as `server.create`; actions tell it by their body. */
    operation?: string | ((request: FastifyRequest) => string);
    /** No token is wanted here. */
    open?: boolean;
  }
}

/** Route options that name what the route does. */
export const operation = (name: string | ((request: FastifyRequest) => string)) => ({
  config: { operation: name },
});

/** For documents that are there for anyone. */
export const open = { config: { open: true } };

export function registerService(app: FastifyInstance, cloud: Cloud, service: Service): void {
  app.register(
    async (scope) => {
      scope.addHook('onRoute', (route) => {
        route.config = { ...route.config, service: service.name };
      });
      scope.addHook('onRequest', async (request, reply) => {
        if (service.name === 'compute') reply.header('x-compute-request-id', request.id);
        if (service.microversions) negotiate(service.microversions, request, reply);
        if (!request.routeOptions.config?.open) request.caller = authenticate(cloud, request);
      });
      scope.setErrorHandler((error, request, reply) => {
        const apiError = asApiError(error);
        if (apiError.status >= 500) {
          cloud.log.error(
            { err: error, request: request.id },
            'A request failed in an unforeseen way',
          );
        }
        const body =
          apiError.status === 401 ? unauthorized(apiError) : service.errorBody(apiError, request);
        if (typeof body === 'string') reply.type('text/html; charset=UTF-8');
        return reply.status(apiError.status).headers(apiError.headers).send(body);
      });
      scope.setNotFoundHandler(() => {
        throw new ApiError(404, 'The resource could not be found.');
      });
      service.routes(scope, cloud);
    },
    { prefix: service.prefix },
  );
}

/** What the middleware before each service says, whatever the service. */
const unauthorized = ({ message }: ApiError) => ({
  error: { code: 401, title: 'Unauthorized', message },
});

function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  // Fastify's own refusals, such as a body that is not JSON, carry their status.
  if (error instanceof Error && 'statusCode' in error && typeof error.statusCode === 'number') {
    return new ApiError(error.statusCode, error.message);
  }
  return new ApiError(
    500,
    'The server has either erred or is incapable of performing the request.',
  );
}
