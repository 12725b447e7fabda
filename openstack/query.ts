import { isSegment } from './fields.js';

export type QueryValue = string | number | boolean;

/** A list of values repeats its key. */
export type Query = Record<string, QueryValue | readonly QueryValue[] | undefined>;

export function withQuery(url: string, query: Query | undefined): string {
  const search = new URLSearchParams();
  for (const [key, values] of Object.entries(query ?? {})) {
    if (values === undefined) continue;
    for (const value of [values].flat()) search.append(key, String(value));
  }
  return search.size === 0 ? url : `${url}?${search.toString()}`;
}

/**
 * A path with its values escaped. Refuses values that would name another thing than was meant: an empty
 * id turns the deletion of one thing into a request on the whole collection.
 */
export function path(parts: TemplateStringsArray, ...values: string[]): string {
  for (const value of values) {
    if (!isSegment(value)) {
      throw new TypeError(`${JSON.stringify(value)} is no id: ${parts.join('…')}`);
    }
  }
  return String.raw({ raw: parts }, ...values.map(encodeURIComponent));
}
