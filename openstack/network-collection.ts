import type { z } from 'zod';
import type { Api } from './api.js';
import { camel } from './case.js';
import { type Query, path } from './query.js';

type Scalar = string | number | boolean;

/** Neutron's own query names with one value or several of which one must fit. */
export type Filter<Fields> = {
  [Field in keyof Fields as Exclude<Fields[Field], null> extends Scalar ? Field : never]?:
    Exclude<Fields[Field], null> | readonly Exclude<Fields[Field], null>[] | undefined;
};

/** Refused with 412 if somebody has changed the thing since it was seen with this revision number. */
export interface Condition {
  ifRevision: number | null;
}

const ifMatch = (condition: Condition | undefined): Record<string, string> =>
  typeof condition?.ifRevision === 'number'
    ? { 'if-match': `revision_number=${condition.ifRevision}` }
    : {};

/** All of Neutron's collections work alike. */
export function createCollection<Fields, Item extends { id: string }>(
  neutron: Api,
  { plural, singular, schema }: { plural: string; singular: string; schema: z.ZodType<Item> },
) {
  const root = `/${plural.replaceAll('_', '-')}`;
  return {
    create: async (fields: Record<string, unknown>): Promise<Item> =>
      neutron.call('POST', root, singular, schema, { body: { [singular]: fields } }),

    get: async (id: string): Promise<Item> =>
      neutron.call('GET', root + path`/${id}`, singular, schema),

    find: async (id: string): Promise<Item | undefined> =>
      neutron.find(root + path`/${id}`, singular, schema),

    list: async (filter: Filter<Fields> = {}): Promise<Item[]> => {
      const query = filter as Query;
      const items = await neutron.list(root, plural, schema, query);
      return items.filter((item) => fits(item, query));
    },

    update: async (
      id: string,
      fields: Record<string, unknown>,
      condition?: Condition,
    ): Promise<Item> =>
      neutron.call('PUT', root + path`/${id}`, singular, schema, {
        body: { [singular]: fields },
        headers: ifMatch(condition),
      }),

    remove: async (id: string, condition?: Condition): Promise<void> =>
      neutron.remove(root + path`/${id}`, { headers: ifMatch(condition) }),
  };
}

/** A filter that the service does not know must not widen what a clean-up sees. */
function fits(item: object, filter: Query): boolean {
  const values = new Map<string, unknown>(Object.entries(item));
  return Object.entries(filter).every(([field, wanted]) => {
    const value = values.get(field === 'router:external' ? 'external' : camel(field));
    return wanted === undefined || [wanted].flat().some((one) => one === value);
  });
}
