import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';

interface Entry {
  number: number;
  service: string;
  operation: string | null;
  method: string;
  path: string;
  status: number;
  ms: number;
}

const kept = 10_000;

/** The recent requests, for tests that count them. The control API's own are left out. */
export class RequestLog {
  readonly #log: Logger;
  #entries: Entry[] = [];
  #number = 0;

  constructor(log: Logger) {
    this.#log = log;
  }

  watch(app: FastifyInstance): void {
    app.addHook('onResponse', async (request, reply) => {
      const { service = '', operation } = request.routeOptions.config;
      if (service === 'devcloud') return;
      this.#add({
        service,
        operation: (typeof operation === 'function' ? operation(request) : operation) ?? null,
        method: request.method,
        path: request.url,
        status: reply.statusCode,
        ms: Math.round(reply.elapsedTime),
      });
    });
  }

  since(number: number): Entry[] {
    return this.#entries.filter((entry) => entry.number > number);
  }

  clear(): void {
    this.#entries = [];
  }

  #add(entry: Omit<Entry, 'number'>): void {
    this.#number += 1;
    this.#log.debug(entry, 'Answered');
    this.#entries.push({ number: this.#number, ...entry });
    if (this.#entries.length > kept) this.#entries.shift();
  }
}
