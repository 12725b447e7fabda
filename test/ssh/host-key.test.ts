import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { fingerprint, generateHostKey, publicKeyOf } from '../../ssh/host-key.js';

const haveSshKeygen = spawnSync('ssh-keygen', ['-?']).error === undefined;

describe('a new host key', () => {
  test('is an Ed25519 pair, another one each time', () => {
    const { privateKey, publicKey } = generateHostKey();
    expect(privateKey).toMatch(/^-----BEGIN OPENSSH PRIVATE KEY-----\n/);
    expect(publicKey).toMatch(/^ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI[\w+/]{43}$/);
    expect(publicKeyOf(privateKey)).toBe(publicKey);
    expect(generateHostKey().publicKey).not.toBe(publicKey);
  });

  test('is whole each time', () => {
    for (let count = 0; count < 2000; count += 1) {
      const { privateKey, publicKey } = generateHostKey();
      expect(publicKeyOf(privateKey)).toBe(publicKey);
    }
  });

  test.skipIf(!haveSshKeygen)('is what OpenSSH takes for one', () => {
    const dir = mkdtempSync(join(tmpdir(), 'hawser-key-'));
    const file = join(dir, 'key');
    const { privateKey, publicKey } = generateHostKey();
    writeFileSync(file, privateKey, { mode: 0o600 });
    const keygen = (...args: string[]): string =>
      execFileSync('ssh-keygen', args, { encoding: 'utf8' }).trim();
    expect(keygen('-y', '-f', file)).toContain(publicKey);
    expect(keygen('-l', '-f', file)).toContain(fingerprint(publicKey));
    rmSync(dir, { recursive: true });
  });
});

test.each([
  ['', 'private key'],
  ['rubbish', 'private key'],
  [generateHostKey().publicKey, 'Not a private key'],
])('a private key is not "%s"', (text, reason) => {
  expect(() => publicKeyOf(text)).toThrow(reason);
});

test('a fingerprint is only taken of a public key', () => {
  expect(() => fingerprint('ssh-ed25519 AAAA')).toThrow('Not a public key');
  expect(() => fingerprint(generateHostKey().publicKey.replace('ed25519', 'rsa'))).toThrow(
    'Not a public key',
  );
});
