import type { FastifyRequest } from 'fastify';
import type { Cloud } from '../cloud.js';
import type { Token } from '../keystone/rows.js';
import { ApiError, forbidden } from './errors.js';

/** Who asks, as far as policy cares. */
export interface Caller {
  userId: string;
  projectId: string;
  isAdmin: boolean;
  roles: string[];
  tokenId: string;
}

declare module 'fastify' {
  interface FastifyRequest {
    caller: Caller;
  }
}

export function authenticate(cloud: Cloud, request: FastifyRequest): Caller {
  const token = findToken(cloud, request.headers['x-auth-token']);
  if (!token) {
    throw new ApiError(401, 'The request you have made requires authentication.', {
      headers: { 'www-authenticate': `Keystone uri="${cloud.url}/identity"` },
    });
  }
  return {
    userId: token.userId,
    projectId: token.projectId ?? '',
    isAdmin: token.roles.includes('admin'),
    roles: token.roles,
    tokenId: token.id,
  };
}

/** A token that is known and not expired. */
export function findToken(cloud: Cloud, id: string | string[] | undefined): Token | undefined {
  const token = typeof id === 'string' ? cloud.tables.tokens.get(id) : undefined;
  return token && Date.parse(token.expiresAt) > Date.now() ? token : undefined;
}

export function mustBeAdmin(caller: Caller, action: string): void {
  if (!caller.isAdmin) {
    throw forbidden(`Policy doesn't allow ${action} to be performed.`);
  }
}

/** Others' resources are as if they did not exist; an administrator sees all. */
export const mayTouch = (caller: Caller, row: { projectId: string }): boolean =>
  caller.isAdmin || row.projectId === caller.projectId;
