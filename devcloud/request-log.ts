import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import type { Cloud } from './cloud.js';
import { askingProject } from './keystone/authenticate.js';

interface Entry {
  number: number;
  service: string;
  operation: string | null;
  /** The id of the project that asked, '' where nobody knows; of an SSH command, its server's. */
  project: string;
  /** `RUN` for an SSH command. */
  method: string;
  /** An SSH command's name, or its programs where it says none. */
  path: string;
  /** An SSH command's exit code; -1 where a signal ended it. */
  status: number;
  /** When it began, in milliseconds since the epoch. */
  at: number;
  /** How long it took. */
  ms: number;
}

const kept = 10_000;

/** The recent requests and SSH commands, for tests that count them. The control API's own are left out. */
export class RequestLog {
  readonly #log: Logger;
  #entries: Entry[] = [];
  #number = 0;
  /** By project, then by service. */
  readonly #counts = new Map<string, Record<string, number>>();

  constructor(log: Logger) {
    this.#log = log;
  }

  watch(app: FastifyInstance, cloud: Cloud): void {
    app.addHook('onResponse', async (request, reply) => {
      const { service = '', operation } = request.routeOptions.config;
      if (service === 'devcloud') return;
      this.add({
        service,
        operation: (typeof operation === 'function' ? operation(request) : operation) ?? null,
        project: askingProject(cloud, request) ?? '',
        method: request.method,
        path: request.url,
        status: reply.statusCode,
        at: Date.now() - Math.round(reply.elapsedTime),
        ms: Math.round(reply.elapsedTime),
      });
    });
  }

  add(entry: Omit<Entry, 'number'>): void {
    this.#number += 1;
    this.#log.debug(entry, 'Answered');
    this.#entries.push({ number: this.#number, ...entry });
    if (this.#entries.length > kept) this.#entries.shift();
    const { project, service } = entry;
    const counts = this.countsOf(project);
    this.#counts.set(project, { ...counts, [service]: (counts[service] ?? 0) + 1 });
  }

  since(number: number): Entry[] {
    return this.#entries.filter((entry) => entry.number > number);
  }

  /** How many there were by service, those included that are kept no more. */
  countsOf(project: string): Record<string, number> {
    return this.#counts.get(project) ?? {};
  }

  clear(): void {
    this.#entries = [];
  }
}
