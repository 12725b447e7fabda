import { once } from 'node:events';
import { request } from 'node:http';
import type { Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { pick, startTestCloud, until, type TestCloud } from './test-cloud.js';

let cloud: TestCloud;
let address: string;

beforeAll(async () => {
  cloud = await startTestCloud();
  address = await bootServer(cloud);
});

afterAll(async () => {
  await cloud?.remove();
});

/** Boots a server and returns its address. */
async function bootServer(where: TestCloud): Promise<string> {
  const demo = await where.as('demo');
  const image = pick(await demo.glance('GET', '/v2/images'), 'images.0.id');
  const network = pick(await demo.neutron('GET', '/networks?name=demo-net'), 'networks.0.id');
  const made = await demo.nova('POST', '/servers', {
    server: { name: 'box', imageRef: image, flavorRef: '1', networks: [{ uuid: network }] },
  });
  const id = pick(made, 'server.id');
  await until(() => demo.nova('GET', `/servers/${id}`), 'server.status', 'ACTIVE');
  const port = await demo.neutron('GET', `/ports?device_id=${id}`);
  return pick(port, 'ports.0.fixed_ips.0.ip_address');
}

interface Tunnel {
  status: number;
  stream: Duplex;
  /** What came together with the answer. */
  head: string;
  /** What an answer other than 200 says. */
  body: string;
}

async function tunnel(target: string, { url } = cloud): Promise<Tunnel> {
  const { hostname, port } = new URL(url);
  const asked = request({ host: hostname, port, method: 'CONNECT', path: target });
  asked.end();
  const [response, stream, head] = await once(asked, 'connect');
  const status = Number(response.statusCode);
  const body = status === 200 ? '' : String(head) + (await text(stream));
  return { status, stream, head: String(head), body };
}

test('a tunnel leads to the SSH server of the machine that has the address', async () => {
  const { status, stream, head } = await tunnel(`${address}:22`);
  expect(status).toBe(200);
  const greeting = head || String((await once(stream, 'data'))[0]);
  expect(greeting).toMatch(/^SSH-2\.0-/);
  stream.destroy();
});

test.each([
  ['10.10.0.250:22', 'No port has the address 10.10.0.250'],
  ['nowhere:22', 'is not ADDRESS:PORT'],
])('a tunnel to %s is refused with the reason', async (target, reason) => {
  const { status, body } = await tunnel(target);
  expect(status).toBe(502);
  expect(body).toContain(reason);
});

test('a tunnel to a port where nobody listens is refused', async () => {
  expect((await tunnel(`${address}:9`)).status).toBe(502);
});

test('a tunnel can be made to fail', async () => {
  await cloud.control('POST', '/faults', {
    match: { operation: 'ssh.connect', path: `^${address}:` },
    effect: { status: 502, message: 'The line is dead' },
  });
  expect((await tunnel(`${address}:22`)).body).toBe('The line is dead\n');
  const again = await tunnel(`${address}:22`);
  expect(again.status).toBe(200);
  again.stream.destroy();
});

test('a machine that is told to be silent takes connections and says nothing', async () => {
  const other = await startTestCloud();
  await other.control('POST', '/faults', {
    match: { operation: 'server.boot' },
    effect: { sshSilent: true },
  });
  const { status, stream, head } = await tunnel(`${await bootServer(other)}:22`, other);
  expect(status).toBe(200);
  expect(head).toBe('');
  const heard = once(stream, 'data', { signal: AbortSignal.timeout(300) });
  await expect(heard).rejects.toThrow('aborted');
  await other.remove();
});

test('open tunnels do not keep the cloud from ending', async () => {
  const other = await startTestCloud();
  const { stream } = await tunnel(`${await bootServer(other)}:22`, other);
  const closed = once(stream, 'close');
  stream.resume();
  await other.remove();
  await closed;
});
