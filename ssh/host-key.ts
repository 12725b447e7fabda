import { createHash } from 'node:crypto';
import ssh2 from 'ssh2';

export interface HostKey {
  /** In OpenSSH's own format, without a passphrase. */
  privateKey: string;
  /** `ssh-ed25519 AAAA…` */
  publicKey: string;
}

/** Type and key, each after its length: 4 + 11 + 4 + 32. */
const ED25519_BLOB_BYTES = 51;

/** A new key for a host to prove itself with. */
export function generateHostKey(): HostKey {
  for (;;) {
    const pair = ssh2.utils.generateKeyPairSync('ed25519');
    const publicKey = pair.public.trim();
    // ssh2 drops zeros at the start of the key, so that one in 256 is too short for anybody to read.
    // https://github.com/mscdex/ssh2/issues/1513
    if (readPublicKey(publicKey).blob.length === ED25519_BLOB_BYTES) {
      return { privateKey: pair.private, publicKey };
    }
  }
}

/**
 * The public half of a private key in any format that OpenSSH writes.
 *
 * @throws Error if it is no private key, or needs a passphrase
 */
export function publicKeyOf(privateKey: string): string {
  const parsed = ssh2.utils.parseKey(privateKey);
  if (parsed instanceof Error) throw new Error(`Not a usable private key: ${parsed.message}`);
  const [key] = [parsed].flat();
  if (key === undefined || !key.isPrivateKey()) throw new Error('Not a private key');
  return `${key.type} ${key.getPublicSSH().toString('base64')}`;
}

/** As `ssh-keygen -l` shows it: `SHA256:…` */
export const fingerprint = (publicKey: string): string =>
  fingerprintOf(readPublicKey(publicKey).blob);

export const fingerprintOf = (blob: Buffer): string =>
  `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`;

/**
 * The parts of `ssh-ed25519 AAAA… comment`.
 *
 * @throws Error if it is no public key
 */
export function readPublicKey(publicKey: string): { type: string; blob: Buffer } {
  const [type = '', base64 = ''] = publicKey.trim().split(/\s+/);
  const blob = Buffer.from(base64, 'base64');
  const length = blob.length > 4 ? blob.readUInt32BE(0) : 0;
  // The type stands again inside, length first.
  if (length === 0 || blob.toString('latin1', 4, 4 + length) !== type) {
    throw new Error(`Not a public key (expected "ssh-ed25519 AAAA…"): "${publicKey.slice(0, 40)}"`);
  }
  return { type, blob };
}
