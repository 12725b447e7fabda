/** `network_id` → `networkId` */
export type Camel<S> = S extends `${infer Head}_${infer Tail}`
  ? `${Head}${Capitalize<Camel<Tail>>}`
  : S;

export type CamelKeys<T> = { [K in keyof T as Camel<K>]: T[K] };

export const camel = (name: string): string =>
  name.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());

const snake = (name: string): string =>
  name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** Renames an object's own keys; what is below them stays. */
export const camelKeys = <T extends object>(value: T): CamelKeys<T> =>
  Object.fromEntries(
    Object.entries(value).map(([key, one]) => [camel(key), one as unknown]),
  ) as CamelKeys<T>;

export const snakeKeys = (value: object): Record<string, unknown> =>
  Object.fromEntries(Object.entries(value).map(([key, one]) => [snake(key), one as unknown]));
