import type { ConfigText } from './config.js';
import { knownOptions, type KnownOption } from './options/groups.js';

/** One option of one backend as it counts. */
export interface EffectiveOption {
  backend: string;
  name: string;
  /** Null when there is none; `***` for a secret. */
  value: unknown;
  from: 'backend' | 'defaults' | 'built in' | 'not set';
  /** Why it changes nothing. */
  noEffect?: string;
}

/** Every option of a backend, with what it is and where that comes from. What is wrong is shown as it stands. */
export function effectiveOptions(
  { defaults, backends }: ConfigText,
  backend: string,
): EffectiveOption[] {
  const own = backends[backend] ?? {};
  return knownOptions.map((known) => {
    const { name, noEffect } = known;
    const [given, from] =
      name in own
        ? [own[name], 'backend' as const]
        : name in defaults
          ? [defaults[name], 'defaults' as const]
          : [undefined, 'built in' as const];
    const read = known.schema.safeParse(given);
    const value: unknown = (read.success ? read.data : given) ?? null;
    const missing = !read.success && given === undefined;
    return {
      backend,
      name,
      value: value !== null && isSecret(known) ? '***' : value,
      from: missing ? 'not set' : from,
      ...(noEffect !== undefined && { noEffect }),
    };
  });
}

/** By its facts, or by its name: one that forgot to say so must not be shown either. */
const isSecret = ({ name, secret }: KnownOption): boolean =>
  secret === true || /password|secret/.test(name);
