import { randomBytes, scryptSync, timingSafeEqual } from 'node:crypto';

// Cheap on purpose: the cloud is for development, and each log-in costs this much.
const cost = { N: 1024 };

export function hashSecret(secret: string): string {
  const salt = randomBytes(16);
  return `${salt.toString('hex')}:${scryptSync(secret, salt, 32, cost).toString('hex')}`;
}

export function secretMatches(secret: string, stored: string): boolean {
  const [salt = '', hash = ''] = stored.split(':');
  const given = scryptSync(secret, Buffer.from(salt, 'hex'), 32, cost);
  return timingSafeEqual(given, Buffer.from(hash, 'hex'));
}

export const randomSecret = (): string => randomBytes(24).toString('base64url');

/** Keystone's own ids have no dashes. */
export const hexId = (): string => randomBytes(16).toString('hex');
