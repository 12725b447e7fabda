import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Cloud } from './cloud.js';
import type { Fault, Strike } from './faults.js';
import { FormerLists } from './former-lists.js';
import { askingProject } from './keystone/authenticate.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** Strikes when the request has been carried out. */
    faultAfter: Strike | undefined;
  }
}

/** Lets planned faults strike requests, before or after they do what they ask. */
export function serveFaults(app: FastifyInstance, cloud: Cloud): void {
  app.decorateRequest('faultAfter', undefined);
  const lists = new FormerLists();

  app.addHook('preHandler', async (request, reply) => {
    const fault = faultFor(request, cloud);
    if (!fault) return;
    if (fault.after ?? fault.half ?? fault.stale) {
      request.faultAfter = fault;
      return;
    }
    await delay(fault);
    // Who was held up may be gone: then the request never came.
    if (fault.reset || request.raw.socket.destroyed) await hangUp(request, reply);
    else if (fault.status)
      await reply
        .status(fault.status)
        .headers(fault.headers ?? {})
        .send(bodyOf(fault));
  });

  app.addHook('onSend', async (request, reply, payload) => {
    const fault = request.faultAfter;
    const former = lists.former(request, payload);
    if (!fault) return payload;
    request.faultAfter = undefined;
    await delay(fault);
    if (fault.reset) await hangUp(request, reply);
    if (fault.reset) return payload;
    const other = fault.stale ? (former ?? payload) : fault.half ? half(payload) : undefined;
    if (other === payload) cloud.faults.missed(fault);
    if (other !== undefined) return replace(reply, other);
    if (!fault.status) return payload;
    const body = JSON.stringify(bodyOf(fault));
    reply
      .status(fault.status)
      .type('application/json')
      .headers({ ...fault.headers, 'content-length': Buffer.byteLength(body) });
    return body;
  });
}

function replace(reply: FastifyReply, payload: unknown): unknown {
  if (typeof payload === 'string') reply.header('content-length', Buffer.byteLength(payload));
  return payload;
}

const half = (payload: unknown): unknown =>
  typeof payload === 'string' ? payload.slice(0, payload.length / 2) : payload;

function faultFor(request: FastifyRequest, cloud: Cloud): Strike | undefined {
  const { service, operation } = request.routeOptions.config;
  if (service === 'devcloud') return undefined;
  return cloud.faults.forRequest({
    service,
    project: askingProject(cloud, request),
    method: request.method,
    path: request.url,
    operation: typeof operation === 'function' ? operation(request) : operation,
    body: request.body,
  });
}

/** Keeps no process alive: the cloud may be told to stop meanwhile. */
export async function delay({ delayMs = 0, cleared: signal }: Strike): Promise<void> {
  if (delayMs === 0) return;
  await sleep(delayMs, undefined, { ref: false, signal }).catch(() => undefined);
}

const bodyOf = ({ body, status, message }: Fault): unknown =>
  body ?? { error: { code: status, message: message ?? 'Planned failure' } };

/** The client sees its connection reset and cannot tell what was done. */
async function hangUp(request: FastifyRequest, reply: FastifyReply): Promise<void> {
  reply.hijack();
  request.raw.socket.resetAndDestroy();
}
