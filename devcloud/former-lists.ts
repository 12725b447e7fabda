import type { FastifyRequest } from 'fastify';

const kept = 5000;

/**
 * What lists were before they changed, as a replica that lags behind would still answer them: by who asked for
 * which list, the latest answer and the one before it that was another.
 */
export class FormerLists {
  readonly #answers = new Map<string, { latest: string; before: string | undefined }>();

  /** Takes note of an answer, and returns the one before it; undefined where none was another. */
  former(request: FastifyRequest, payload: unknown): string | undefined {
    const { service } = request.routeOptions.config;
    if (request.method !== 'GET' || service === 'devcloud' || typeof payload !== 'string') {
      return undefined;
    }
    const key = `${request.caller?.projectId} ${request.url}`;
    const known = this.#answers.get(key);
    const before = known && known.latest !== payload ? known.latest : known?.before;
    this.#answers.delete(key);
    this.#answers.set(key, { latest: payload, before });
    if (this.#answers.size > kept) {
      for (const oldest of this.#answers.keys()) {
        this.#answers.delete(oldest);
        break;
      }
    }
    return before;
  }
}
