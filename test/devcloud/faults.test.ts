import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { pick, startTestCloud, until, type Speaker, type TestCloud } from './test-cloud.js';

let cloud: TestCloud;
let demo: Speaker;

beforeAll(async () => {
  cloud = await startTestCloud();
  demo = await cloud.as('demo');
  const limits = { volumes: -1, gigabytes: -1 };
  await cloud.control('PUT', '/quotas', { project: 'demo', service: 'volume', limits });
});

afterAll(async () => {
  await cloud?.remove();
});

afterEach(async () => {
  await cloud.reset();
  await cloud.control('DELETE', '/requests');
});

const plan = async (fault: object) => {
  const planned = await cloud.control('POST', '/faults', fault);
  expect(planned.status, planned.text).toBe(201);
  return pick(planned, 'id');
};
const create = () => demo.cinder('POST', '/volumes', { volume: { size: 1 } });
const volumes = async () => JSON.parse((await demo.cinder('GET', '/volumes')).text).volumes.length;

test('a request can be answered wrongly instead of being carried out, so many times', async () => {
  const before = await volumes();
  await plan({
    match: { operation: 'volume.create' },
    times: 2,
    effect: { status: 503, body: { busy: true }, headers: { 'retry-after': '7' } },
  });
  for (let count = 0; count < 2; count += 1) {
    const refused = await create();
    expect(refused.status).toBe(503);
    expect(refused.headers['retry-after']).toBe('7');
    expect(refused.body).toEqual({ busy: true });
  }
  expect(await volumes()).toBe(before);
  expect((await create()).status).toBe(202);
});

test('a request can be carried out and answered wrongly all the same', async () => {
  const before = await volumes();
  await plan({ match: { operation: 'volume.create' }, effect: { status: 500, after: true } });
  expect((await create()).status).toBe(500);
  expect(await volumes()).toBe(before + 1);
});

test('a connection can be reset before the effect, and after it', async () => {
  const before = await volumes();
  await plan({ match: { operation: 'volume.create' }, effect: 'reset' });
  await expect(create()).rejects.toThrow();
  expect(await volumes()).toBe(before);
  await plan({ match: { operation: 'volume.create' }, effect: { reset: true, after: true } });
  await expect(create()).rejects.toThrow();
  expect(await volumes()).toBe(before + 1);
});

test('an answer can be late, and some requests can pass before', async () => {
  await plan({ match: { method: 'get', path: '/flavors' }, skip: 1, effect: { delayMs: 300 } });
  const timed = async () => {
    const started = performance.now();
    await demo.nova('GET', '/flavors');
    return performance.now() - started;
  };
  expect(await timed()).toBeLessThan(250);
  expect(await timed()).toBeGreaterThan(290);
});

test('a request can be carried out at once and answered late', async () => {
  const before = await volumes();
  await plan({ match: { operation: 'volume.create' }, effect: { delayMs: 50_000, after: true } });
  const created = create();
  await expect.poll(volumes, { timeout: 30_000 }).toBe(before + 1);
  const first = await Promise.race([created, volumes()]);
  expect(first).toBe(before + 1);
  await cloud.control('DELETE', '/faults');
  expect((await created).status).toBe(202);
});

test('a request that is held is carried out as soon as its fault is cleared', async () => {
  const before = await volumes();
  const match = { operation: 'volume.create' };
  const id = await plan({ match, effect: { delayMs: 50_000 } });
  await plan({ match, effect: { delayMs: 50_000 } });
  const [first, second] = [create(), create()];
  const struck = async () => (await cloud.control('GET', '/faults')).text.match(/"struck":1/g);
  await expect.poll(struck, { timeout: 30_000 }).toHaveLength(2);
  expect(await volumes()).toBe(before);
  await cloud.control('DELETE', `/faults/${id}`);
  expect((await Promise.race([first, second])).status).toBe(202);
  expect(await volumes()).toBe(before + 1);
  await cloud.control('DELETE', '/faults');
  await Promise.all([first, second]);
  expect(await volumes()).toBe(before + 2);
});

test('a fault can be for one body only, and says how often it struck', async () => {
  const id = await plan({
    match: { service: 'volume', body: '"name":"unlucky"' },
    times: 5,
    effect: { status: 500 },
  });
  expect((await create()).status).toBe(202);
  const unlucky = { volume: { size: 1, name: 'unlucky' } };
  expect((await demo.cinder('POST', '/volumes', unlucky)).status).toBe(500);
  expect((await cloud.control('GET', '/faults')).body).toMatchObject({
    faults: [{ id, struck: 1, times: 4 }],
  });
  await cloud.control('DELETE', `/faults/${id}`);
  expect((await demo.cinder('POST', '/volumes', unlucky)).status).toBe(202);
});

test('a server can fail while it is scheduled or booted, with a reason, and leaves no port', async () => {
  const image = pick(await demo.glance('GET', '/v2/images'), 'images.0.id');
  const network = pick(await demo.neutron('GET', '/networks?name=demo-net'), 'networks.0.id');
  for (const [operation, message] of [
    ['server.create', 'No valid host was found.'],
    ['server.boot', 'The machine caught fire.'],
  ]) {
    await plan({ match: { operation }, effect: { outcome: 'ERROR', message } });
    const made = await demo.nova('POST', '/servers', {
      server: { name: 'x', imageRef: image, flavorRef: '1', networks: [{ uuid: network }] },
    });
    const id = pick(made, 'server.id');
    await until(() => demo.nova('GET', `/servers/${id}`), 'server.status', 'ERROR');
    expect(pick(await demo.nova('GET', `/servers/${id}`), 'server.fault.message')).toBe(message);
    expect((await demo.neutron('GET', `/ports?device_id=${id}`)).body).toEqual({ ports: [] });
    await demo.nova('DELETE', `/servers/${id}`);
  }
});

test('a fault can be for the requests of one project, also for its log-ins', async () => {
  const hawser = await cloud.as('hawser');
  const match = { project: hawser.projectId };
  await plan({ match, times: 2, effect: { status: 503 } });
  expect((await demo.cinder('GET', '/volumes')).status).toBe(200);
  expect((await hawser.cinder('GET', '/volumes')).status).toBe(503);
  await cloud.as('demo');
  await expect(cloud.as('hawser')).rejects.toThrow();
  expect((await cloud.control('GET', '/requests')).body).toMatchObject({
    requests: [
      { project: hawser.projectId, operation: 'token.create', status: 201 },
      { project: demo.projectId, status: 200 },
      { project: hawser.projectId, status: 503 },
      { project: demo.projectId, operation: 'token.create', status: 201 },
      { project: hawser.projectId, operation: 'token.create', status: 503 },
    ],
  });
});

test('half an answer can arrive, and is no JSON', async () => {
  await plan({ match: { operation: 'volume.create' }, effect: { half: true } });
  const before = await volumes();
  const made = await create();
  expect(made.status).toBe(202);
  expect(made.text).toMatch(/^{"volume":/);
  expect(made.body).toBeUndefined();
  expect(await volumes()).toBe(before + 1);
});

test('a list can be answered as it was before', async () => {
  const before = await volumes();
  await create();
  await plan({ match: { method: 'GET', path: '/volumes$' }, effect: { stale: true } });
  expect(await volumes()).toBe(before);
  expect(await volumes()).toBe(before + 1);
  await plan({ match: { method: 'GET', path: '/volumes$' }, effect: { stale: true } });
  expect(await volumes()).toBe(before);
});

test("a project's holdings are told whole", async () => {
  const made = await create();
  const { body } = await cloud.control('GET', `/holdings?project=${demo.projectId}`);
  expect(body).toMatchObject({
    servers: [],
    volumes: expect.arrayContaining([
      expect.objectContaining({ id: pick(made, 'volume.id') }),
    ]) as unknown,
    networks: [{ name: 'demo-net' }],
    keypairs: [],
  });
});

test('a fault that nobody can understand is refused', async () => {
  for (const fault of [
    {},
    { match: {} },
    { match: { colour: 'blue' }, effect: 'reset' },
    { match: {}, effect: { explode: true } },
  ]) {
    expect((await cloud.control('POST', '/faults', fault)).status).toBe(400);
  }
  expect((await cloud.control('PUT', '/latencies', { 'server.fly': 1 })).status).toBe(400);
  expect((await cloud.control('PUT', '/settings', { gravity: 1 })).status).toBe(400);
});

test('requests are counted by what they did', async () => {
  await create();
  await demo.nova('GET', '/servers/none');
  const seen = await cloud.control('GET', '/requests');
  expect(seen.body).toMatchObject({
    requests: [
      { service: 'volume', operation: 'volume.create', method: 'POST', status: 202 },
      {
        service: 'compute',
        operation: 'server.show',
        path: '/compute/v2.1/servers/none',
        status: 404,
      },
    ],
  });
});

test('how many requests a project made is known also when they were forgotten', async () => {
  const counts = async () => {
    const { body } = await cloud.control('GET', `/requests/counts?project=${demo.projectId}`);
    return body as Record<string, number>;
  };
  const before = await counts();
  await create();
  await cloud.control('DELETE', '/requests');
  await create();
  expect(await counts()).toEqual({ ...before, volume: (before['volume'] ?? 0) + 2 });
});

test('every answer has an id of its request', async () => {
  const answer = await demo.nova('GET', '/servers');
  expect(answer.headers['x-openstack-request-id']).toMatch(/^req-[0-9a-f-]{36}$/);
});
