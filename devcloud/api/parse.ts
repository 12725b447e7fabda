import { z } from 'zod';
import { badRequest } from './errors.js';

/** The body as `schema` wants it, or a 400 that names the field as Nova and Cinder do. */
export function parseBody<T extends z.ZodType>(schema: T, body: unknown): z.output<T> {
  const parsed = schema.safeParse(body ?? {});
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const field = issue?.path.at(-1);
  throw badRequest(
    field === undefined
      ? `Malformed request body: ${issue?.message}`
      : `Invalid input for field/attribute ${String(field)}. Value: ${shown(body, issue?.path ?? [])}. ${issue?.message}`,
  );
}

function shown(body: unknown, path: PropertyKey[]): string {
  let value: unknown = body;
  for (const key of path) {
    value = typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined;
  }
  return value === undefined ? 'None' : JSON.stringify(value);
}

/** Clients send booleans as such, or in the words of Python's strutils. */
export const boolish = z
  .union([z.boolean(), z.string(), z.number()])
  .transform((value) => ['1', 't', 'true', 'on', 'y', 'yes'].includes(String(value).toLowerCase()));

/** Clients send sizes as numbers, or as digits in a string. */
export const intish = z
  .union([z.number(), z.string().regex(/^-?\d+$/, 'is not an integer')])
  .transform(Number)
  .pipe(z.number().int());

export const stringMap = z.record(z.string().min(1).max(255), z.string().max(255));
