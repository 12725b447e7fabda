import { z } from 'zod';
import { isNotFound, type Service, unlessNotFound } from './errors.js';
import { listAll } from './paging.js';
import type { Query } from './query.js';
import type { Call, Requester } from './session.js';

interface Body {
  body?: unknown;
  query?: Query;
  microversion?: string;
  headers?: Record<string, string>;
}

export type Api = ReturnType<typeof createApi>;

/**
 * "Not there" is believed when it is said twice. It ends attempts, and what is gone is not undone: one API server behind a
 * balancer that lags or errs for a moment must not decide that.
 */
export async function saidTwice<T>(look: () => Promise<T>): Promise<T> {
  try {
    return await look();
  } catch (error) {
    if (!isNotFound(error)) throw error;
    return look();
  }
}

/** The habits that all services share: one thing per answer, wrapped in its name; lists in pages. */
export function createApi(requester: Requester, service: Service, microversion?: string) {
  const call = async <T>(
    method: Call['method'],
    path: string,
    key: string,
    schema: z.ZodType<T>,
    rest: Body = {},
  ): Promise<T> => {
    const wrapper = z.object({ [key]: schema }).transform((answer) => answer[key] as T);
    const ask = () =>
      requester.request({ service, microversion, method, path, ...rest, schema: wrapper });
    return method === 'GET' ? saidTwice(ask) : ask();
  };

  const send = async (method: Call['method'], path: string, rest: Body = {}): Promise<void> =>
    requester.send({ service, microversion, method, path, ...rest });

  return {
    call,
    send,

    /** The thing, or undefined if it is not there. */
    find: async <T>(path: string, key: string, schema: z.ZodType<T>): Promise<T | undefined> =>
      unlessNotFound(call('GET', path, key, schema)),

    list: async <T>(path: string, key: string, schema: z.ZodType<T>, query?: Query): Promise<T[]> =>
      saidTwice(() => listAll(requester, { service, microversion, path, query }, key, schema)),

    /** Asks for deletion; already gone is success. Most services delete later: look again. */
    remove: async (path: string, rest: Body = {}): Promise<void> => {
      await unlessNotFound(saidTwice(() => send('DELETE', path, rest)));
    },
  };
}
