import { z } from 'zod';
import { UnexpectedAnswer } from './errors.js';
import type { Query } from './query.js';
import type { Call, Requester } from './session.js';

/** More than any project has; a service whose pages never end must not fill this process. */
const MAX_PAGES = 10_000;
const MAX_ITEMS = 100_000;

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
    // One by one: all at once they are arguments, of which a call takes only so many.
    for (const item of found) items.push(item);
    if (next === undefined) return items;
    const endless = seen.has(next) || seen.size >= MAX_PAGES || items.length > MAX_ITEMS;
    const following = queryOf(next);
    if (endless || following === undefined) {
      const detail = endless ? `its pages never end (${next})` : `its next page is at ${next}`;
      throw new UnexpectedAnswer({ service: call.service, method: 'GET', url: call.path, detail });
    }
    seen.add(next);
    query = following;
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

/** Undefined when the link is none. */
function queryOf(link: string): Query | undefined {
  if (!URL.canParse(link, 'http://relative')) return undefined;
  const { searchParams } = new URL(link, 'http://relative');
  return Object.fromEntries([...searchParams.keys()].map((key) => [key, searchParams.getAll(key)]));
}
