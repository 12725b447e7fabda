import type { FastifyReply, FastifyRequest } from 'fastify';
import { ApiError } from './errors.js';

export interface Microversions {
  /** The service's word in `OpenStack-API-Version: compute 2.93`. */
  service: string;
  legacyHeader?: string;
  min: string;
  max: string;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** The minor number of the microversion this request is served with. */
    minor: number;
  }
}

const minorOf = (version: string): number => Number(version.split('.')[1]);

/** Settles the microversion of a request and says so in the answer, as clients check. */
export function negotiate(
  { service, legacyHeader, min, max }: Microversions,
  request: FastifyRequest,
  reply: FastifyReply,
): void {
  const wanted = wantedVersion(request, service, legacyHeader) ?? min;
  const version = wanted === 'latest' ? max : wanted;
  if (!/^\d+\.\d+$/.test(version)) {
    throw new ApiError(
      400,
      `API Version String ${version} is of invalid format. Must be of format MajorNum.MinorNum.`,
    );
  }
  const [major] = version.split('.');
  request.minor = minorOf(version);
  if (major !== min.split('.')[0] || request.minor < minorOf(min) || request.minor > minorOf(max)) {
    throw new ApiError(
      406,
      `Version ${version} is not supported by the API. Minimum is ${min} and maximum is ${max}.`,
    );
  }
  reply.header('openstack-api-version', `${service} ${version}`);
  reply.header('vary', ['OpenStack-API-Version', legacyHeader].filter(Boolean).join(', '));
  if (legacyHeader) reply.header(legacyHeader, version);
}

function wantedVersion(request: FastifyRequest, service: string, legacyHeader?: string) {
  const header = String(request.headers['openstack-api-version'] ?? '');
  for (const entry of header.split(',')) {
    const [name, version] = entry.trim().split(/\s+/);
    if (name === service && version) return version;
  }
  const legacy = legacyHeader && request.headers[legacyHeader];
  return typeof legacy === 'string' ? legacy.trim() : undefined;
}
