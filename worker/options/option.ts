import { z } from 'zod';

/** What people are told of an option. */
export interface OptionFacts {
  /** One line. */
  meaning: string;
  /** Why it changes nothing here; it is accepted all the same, since Manila knows it. */
  noEffect?: string;
  /** Manila does not know it. */
  own?: true;
  /** Manila's default, where it is another; null is none. */
  manilaDefault?: string | number | boolean | null;
  /** The default in words, where it depends on the host or on other options. */
  defaultInWords?: string;
  /** Never shown. */
  secret?: true;
}

/** Options by Manila's own names. A plain schema without facts is an option too. */
export type OptionGroup = Record<string, z.ZodType>;

const facts = z.registry<OptionFacts>();

/** A schema, its default included, with what people are told of it. */
export function option<S extends z.ZodType>(schema: S, told: OptionFacts): S {
  // Several options may be made of one schema.
  const own = schema.clone();
  facts.add(own, told);
  return own;
}

export const factsOf = (schema: z.ZodType): OptionFacts => facts.get(schema) ?? { meaning: '' };

export const seconds = z.number().int().positive();

/** A name with one place for an id. */
export const template = z
  .string()
  .regex(/^[A-Za-z0-9._-]*%s[A-Za-z0-9._-]*$/, 'letters, digits, dots, dashes and one %s expected');

export const optionalText = z.string().nullable().default(null);
