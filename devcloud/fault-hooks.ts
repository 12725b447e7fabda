import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Fault, Faults, Strike } from './faults.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** Strikes when the request has been carried out. */
    faultAfter: Strike | undefined;
  }
}

/** Lets planned faults strike requests, before or after they do what they ask. */
export function serveFaults(app: FastifyInstance, faults: Faults): void {
  app.decorateRequest('faultAfter', undefined);

  app.addHook('preHandler', async (request, reply) => {
    const fault = faultFor(request, faults);
    if (!fault) return;
    if (fault.after) {
      request.faultAfter = fault;
      return;
    }
    await delay(fault);
    if (fault.reset) await hangUp(request, reply);
    else if (fault.status)
      await reply
        .status(fault.status)
        .headers(fault.headers ?? {})
        .send(bodyOf(fault));
  });

  app.addHook('onSend', async (request, reply, payload) => {
    const fault = request.faultAfter;
    if (!fault) return payload;
    request.faultAfter = undefined;
    await delay(fault);
    if (fault.reset) await hangUp(request, reply);
    if (fault.reset || !fault.status) return payload;
    const body = JSON.stringify(bodyOf(fault));
    reply
      .status(fault.status)
      .type('application/json')
      .headers({ ...fault.headers, 'content-length': Buffer.byteLength(body) });
    return body;
  });
}

function faultFor(request: FastifyRequest, faults: Faults): Strike | undefined {
  const { service, operation } = request.routeOptions.config;
  if (service === 'devcloud') return undefined;
  return faults.forRequest({
    service,
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
