/** Answers of a cloud in which something is missing, or is something else. */
import * as fc from 'fast-check';
import { hostileText } from './inputs.js';

export type Json = unknown;

/** As many places as there are in it, each as the keys that lead there. */
export const placesIn = (value: Json, above: string[] = []): string[][] => [
  above,
  ...(typeof value === 'object' && value !== null
    ? Object.entries(value).flatMap(([key, below]) => placesIn(below, [...above, key]))
    : []),
];

/** With something else in one place, or nothing. */
function changed(value: Json, [key, ...below]: string[], to: Json): Json {
  if (key === undefined) return to;
  if (Array.isArray(value))
    return value.map((one: Json, at) => (String(at) === key ? changed(one, below, to) : one));
  const fields = { ...(value as Record<string, Json>) };
  if (below.length === 0 && to === undefined) delete fields[key];
  else
    Object.defineProperty(fields, key, {
      value: changed(fields[key], below, to),
      enumerable: true,
    });
  return fields;
}

export const anything = fc.oneof(
  fc.constantFrom<Json>(undefined, null, '', '.', '..', '-', '-rf', '--', 'a b', 'a/b', 'a\nb'),
  fc.constantFrom<Json>(0, -1, 1.5, 1e300, true, false, [], {}, [null], [[]], '\ud800', '1'),
  hostileText,
  fc.jsonValue(),
);

/** With something else in up to two of these places; one that an earlier change took away stays away. */
export const mutated = (sound: Json, places: string[][], to: fc.Arbitrary<Json>) =>
  fc.array(fc.tuple(fc.constantFrom(...places), to), { maxLength: 2 }).map((changes) =>
    changes.reduce<Json>((one, [place, other]) => {
      try {
        return changed(one, place, other);
      } catch {
        return one;
      }
    }, sound),
  );

/** A sound answer with something else in it, and what is none. */
export const bodyOf = (answer: object) =>
  fc.oneof(
    {
      weight: 6,
      arbitrary: mutated(answer, placesIn(answer), anything).map(
        (one) => JSON.stringify(one) ?? '',
      ),
    },
    {
      weight: 1,
      arbitrary: fc.nat(400).map((length) => JSON.stringify(answer).slice(0, length)),
    },
    { weight: 1, arbitrary: fc.constantFrom('', 'null', '[]', '{}', '<html>', '[[[[', '"x"') },
  );
