import { z } from 'zod';
import { UnexpectedAnswer } from './errors.js';
import type { Query } from './query.js';
import type { Call, Requester } from './session.js';

/**
 * Reads a whole collection, page by page. Only the query of a "next" link is used: its host and path are
 * often those of the service behind its proxy.
 */
export async function listAll<T>(
  requester: Requester,
  call: Omit<Call, 'method'>,
  collection: string,
  schema: z.ZodType<T>,
): Promise<T[]> {
  const page = pageSchema(collection, schema);
  const items: T[] = [];
  const seen = new Set<string>();
  let query = call.query;
  for (;;) {
    const { items: found, next } = await requester.request({
      ...call,
      query,
      method: 'GET',
      schema: page,
    });
    items.push(...found);
    if (next === undefined) return items;
    if (seen.has(next)) {
      const detail = `its pages never end (${next})`;
      throw new UnexpectedAnswer({ service: call.service, method: 'GET', url: call.path, detail });
    }
    seen.add(next);
    query = queryOf(next);
  }
}

/** Nova, Cinder and Neutron: `servers` with `servers_links`; Glance: `images` with `next`. */
const pageSchema = <T>(collection: string, schema: z.ZodType<T>) =>
  z
    .preprocess(
      (answer) => {
        const fields = new Map(Object.entries(z.looseObject({}).catch({}).parse(answer)));
        return {
          items: fields.get(collection),
          next: fields.get('next'),
          links: fields.get(`${collection}_links`),
        };
      },
      z.object({
        items: z.array(schema, { error: `there is no list "${collection}"` }),
        next: z.string().nullish(),
        links: z.array(z.object({ rel: z.string(), href: z.string() })).nullish(),
      }),
    )
    .transform(({ items, next, links }) => ({
      items,
      next: next ?? links?.find(({ rel }) => rel === 'next')?.href,
    }));

function queryOf(link: string): Query {
  const query: Record<string, string[]> = {};
  for (const [key, value] of new URL(link, 'http://relative').searchParams) {
    (query[key] ??= []).push(value);
  }
  return query;
}
