import { isIP } from 'node:net';
import { z } from 'zod';

/**
 * Fields that go on into paths, names of devices and arguments of programs, which would take another thing for it.
 * OpenStack's are UUIDs; anything that no path, program or file takes for more than a name will do.
 */
export const id = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_-]*$/, 'an id expected');

/** What people chose (names of key pairs, ids of flavors), and can stand in a path. */
export const segment = z.string().refine(isSegment, 'a name expected');

/** Whether a text can be one part of a path. */
export function isSegment(value: string): boolean {
  return value !== '' && value !== '.' && value !== '..' && !/\p{Cs}/u.test(value);
}

/** A size, a count or a number of a port. */
export const whole = z.int();

export const address = z.string().refine((text) => isAddress(text), 'an IP address expected');

/** `10.0.0.0/24` */
export const prefix = z.string().refine((text) => {
  const [network = '', length = '', ...more] = text.split('/');
  const bits = network.includes(':') ? 128 : 32;
  return (
    isAddress(network) && /^\d{1,3}$/.test(length) && Number(length) <= bits && more.length === 0
  );
}, 'a prefix expected');

/** ISO 8601, with a zone or without. */
export const time = z
  .string()
  .refine(
    (text) => /^\d{4}-\d\d-\d\dT/.test(text) && !Number.isNaN(Date.parse(text)),
    'a time expected',
  );

export const mac = z.string().regex(/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i, 'a MAC address expected');

/** With a zone it means something on one host alone. */
const isAddress = (text: string): boolean => isIP(text) !== 0 && !text.includes('%');
