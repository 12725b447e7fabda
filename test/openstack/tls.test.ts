import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { TlsSettings } from '../../openstack/cloud-config.js';
import { OpenStackUnreachable } from '../../openstack/errors.js';
import { Secret } from '../../openstack/secret.js';
import { Session } from '../../openstack/session.js';
import { FakeCloud } from './fake-cloud.js';

let dir: string;
let cloud: FakeCloud;

const openssl = (...args: string[]): void =>
  void execFileSync('openssl', args, { cwd: dir, stdio: 'pipe' });
const pem = (name: string): string => readFileSync(join(dir, name), 'utf8');

/** A key and a certificate of our own authority. */
function certify(name: string, subject: string, extension: string): void {
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  openssl('req', '-x509', ...key, '-keyout', `${name}.key`, '-out', `${name}.pem`, '-days', '2',
    '-subj', `/CN=${subject}`, '-CA', 'ca.pem', '-CAkey', 'ca.key', '-addext', extension); // prettier-ignore
}

const logIn = async (tls: TlsSettings): Promise<void> => {
  const session = new Session(cloud.config({ tls }));
  try {
    await session.authenticate();
  } finally {
    await session.close();
  }
};

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'hawser-tls-'));
  openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
    '-keyout', 'ca.key', '-out', 'ca.pem', '-days', '2', '-subj', '/CN=Test authority'); // prettier-ignore
  certify('server', 'cloud', 'subjectAltName=IP:127.0.0.1');
  certify('client', 'hawser', 'extendedKeyUsage=clientAuth');
  cloud = await FakeCloud.start({
    key: pem('server.key'),
    cert: pem('server.pem'),
    ca: pem('ca.pem'),
    requestCert: true,
    rejectUnauthorized: true,
  });
});

afterAll(async () => {
  await cloud.close();
  rmSync(dir, { recursive: true });
});

const client = () => ({ cert: pem('client.pem'), key: new Secret(pem('client.key')) });

test('a cloud with a certificate of the given authority is trusted, and lets our certificate in', async () => {
  await logIn({ ...client(), ca: pem('ca.pem'), verify: true });
  expect(cloud.tokensIssued).toBe(1);
});

test('a cloud with a certificate of nobody we know is not', async () => {
  const error: unknown = await logIn({ ...client(), verify: true }).catch((one: unknown) => one);
  expect(error).toBeInstanceOf(OpenStackUnreachable);
  expect(String(error)).toMatch(/certificate/);
});

test('unless the configuration says not to verify', async () => {
  const before = cloud.tokensIssued;
  await logIn({ ...client(), verify: false });
  expect(cloud.tokensIssued).toBe(before + 1);
});

test('a cloud that wants a certificate of ours refuses us without one', async () => {
  const error: unknown = await logIn({ ca: pem('ca.pem'), verify: true }).catch(
    (one: unknown) => one,
  );
  expect(error).toBeInstanceOf(OpenStackUnreachable);
});
