import type { Readable } from 'node:stream';
import { Agent, type Dispatcher, request } from 'undici';
import { abortableAfter } from './abort.js';
import type { TlsSettings } from './cloud-config.js';
import { OpenStackUnreachable, type Service, UnexpectedAnswer } from './errors.js';
import { userAgent } from './user-agent.js';

export interface Outgoing {
  service: Service;
  method: Dispatcher.HttpMethod;
  url: string;
  headers: Record<string, string>;
  body?: string | Readable | undefined;
  signal?: AbortSignal | undefined;
  timeoutMs: number;
}

export interface Answer {
  status: number;
  text: string;
  header(name: string): string | undefined;
  requestId: string | undefined;
}

const MAX_ANSWER_BYTES = 16 * 1024 * 1024;

/** One HTTP exchange: any status is an answer, no status is `OpenStackUnreachable`. Never tries twice. */
export class Transport {
  readonly #agent: Agent;

  constructor({ ca, cert, key, verify }: TlsSettings) {
    this.#agent = new Agent({
      // The time limit of each request rules; undici's own would only blur which one ended it.
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: { ca, cert, key: key?.reveal(), rejectUnauthorized: verify, timeout: 0 },
    });
  }

  /** @throws OpenStackUnreachable, UnexpectedAnswer (an answer that is too big), or the signal's reason */
  async exchange(outgoing: Outgoing): Promise<Answer> {
    const limit = abortableAfter(outgoing.timeoutMs, outgoing.signal);
    try {
      return await this.#exchange(outgoing, limit.signal);
    } catch (error) {
      if (error instanceof UnexpectedAnswer) throw error;
      // The caller's own wish to stop is no failure of the service.
      outgoing.signal?.throwIfAborted();
      const timedOut = limit.signal.aborted;
      const detail = timedOut ? `no answer within ${outgoing.timeoutMs / 1000} s` : describe(error);
      throw new OpenStackUnreachable({ ...where(outgoing), detail, timedOut, cause: error });
    } finally {
      limit.clear();
    }
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  async #exchange(outgoing: Outgoing, signal: AbortSignal): Promise<Answer> {
    const { statusCode, headers, body } = await request(outgoing.url, {
      dispatcher: this.#agent,
      method: outgoing.method,
      headers: { accept: 'application/json', 'user-agent': userAgent, ...outgoing.headers },
      body: outgoing.body ?? null,
      signal,
    });
    const header = (name: string): string | undefined => [headers[name]].flat()[0];
    // Some deployments of Nova only send the older name.
    const requestId = header('x-openstack-request-id') ?? header('x-compute-request-id');
    const text = await readText(outgoing, body, requestId);
    return { status: statusCode, text, header, requestId };
  }
}

async function readText(
  outgoing: Outgoing,
  body: Readable,
  requestId: string | undefined,
): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_ANSWER_BYTES) {
      const detail = `it is longer than ${MAX_ANSWER_BYTES} bytes`;
      throw new UnexpectedAnswer({ ...where(outgoing), detail, requestId });
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

export const where = ({ service, method, url }: Outgoing) => ({
  service,
  method,
  url: withoutSecrets(url),
});

function withoutSecrets(url: string): string {
  const clean = new URL(url);
  clean.username = '';
  clean.password = '';
  return clean.href;
}

/** Node reports a host with several addresses as one error without a message. */
function describe(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(describe).join('; ');
  return error instanceof Error ? error.message : String(error);
}
