import { request } from 'undici';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { pick, startTestCloud, type Speaker, type TestCloud } from './test-cloud.js';

let cloud: TestCloud;
let demo: Speaker;
let admin: Speaker;

beforeAll(async () => {
  cloud = await startTestCloud();
  [demo, admin] = await Promise.all([cloud.as('demo'), cloud.as('admin')]);
});

afterAll(async () => {
  await cloud?.remove();
});

const show = (id: string) => demo.glance('GET', `/v2/images/${id}`);
const upload = (id: string, body: string) =>
  request(`${cloud.url}/image/v2/images/${id}/file`, {
    method: 'PUT',
    headers: { 'x-auth-token': demo.token, 'content-type': 'application/octet-stream' },
    body,
  });

test('an image is queued until its data is there, and comes back as it went in', async () => {
  const ask = { name: 'mine', disk_format: 'raw', container_format: 'bare', os_type: 'linux' };
  const made = await demo.glance('POST', '/v2/images', ask);
  expect(made.status).toBe(201);
  const id = pick(made, 'id');
  expect(made.body).toMatchObject({
    status: 'queued',
    visibility: 'shared',
    os_type: 'linux',
    size: null,
  });
  expect((await upload(id, 'some data')).statusCode).toBe(204);
  expect((await show(id)).body).toMatchObject({
    status: 'active',
    size: 9,
    checksum: '1e50210a0202497fb79bc38b6ade6c34',
  });
  expect((await upload(id, 'again')).statusCode).toBe(409);
  expect((await demo.glance('GET', `/v2/images/${id}/file`)).text).toBe('some data');
  expect((await demo.glance('DELETE', `/v2/images/${id}`)).status).toBe(204);
  expect((await show(id)).status).toBe(404);
});

test('an image is changed by patches, but never in what Glance itself knows', async () => {
  const id = pick(await demo.glance('POST', '/v2/images', { name: 'old' }), 'id');
  const patch = (operations: object[]) =>
    demo.glance('PATCH', `/v2/images/${id}`, operations, {
      'content-type': 'application/openstack-images-v2.1-json-patch',
    });
  const changed = await patch([
    { op: 'replace', path: '/name', value: 'new' },
    { op: 'add', path: '/colour', value: 'blue' },
  ]);
  expect(changed.body).toMatchObject({ name: 'new', colour: 'blue' });
  expect((await patch([{ op: 'remove', path: '/colour' }])).body).not.toHaveProperty('colour');
  expect((await patch([{ op: 'remove', path: '/colour' }])).status).toBe(409);
  expect((await patch([{ op: 'replace', path: '/status', value: 'active' }])).status).toBe(403);
  expect((await patch([{ op: 'replace', path: '/visibility', value: 'public' }])).status).toBe(403);
  await patch([{ op: 'replace', path: '/protected', value: true }]);
  expect((await demo.glance('DELETE', `/v2/images/${id}`)).status).toBe(403);
});

test('a list shows what is public and what is one’s own', async () => {
  const hers = pick(await admin.glance('POST', '/v2/images', { name: 'hers' }), 'id');
  expect((await demo.glance('GET', '/v2/images')).text).not.toContain(hers);
  expect((await show(hers)).status).toBe(404);
  const found = await demo.glance('GET', '/v2/images?name=manila-service-image&status=active');
  expect(found.body).toMatchObject({
    images: [{ name: 'manila-service-image', status: 'active' }],
  });
  expect((await demo.glance('GET', '/v2/images?name=none')).body).toMatchObject({ images: [] });
});

test('an image that is deactivated boots nothing and gives its data to nobody', async () => {
  const id = pick(await demo.glance('GET', '/v2/images?name=manila-service-image'), 'images.0.id');
  expect((await demo.glance('POST', `/v2/images/${id}/actions/deactivate`)).status).toBe(403);
  expect((await admin.glance('POST', `/v2/images/${id}/actions/deactivate`)).status).toBe(204);
  expect((await demo.glance('GET', `/v2/images/${id}/file`)).status).toBe(403);
  const refused = await demo.nova('POST', '/servers', {
    server: { name: 'x', imageRef: id, flavorRef: '1', networks: 'none' },
  });
  expect(pick(refused, 'badRequest.message')).toBe(`Image ${id} is not active.`);
  await admin.glance('POST', `/v2/images/${id}/actions/reactivate`);
  expect(pick(await show(id), 'status')).toBe('active');
});

test('mistakes are answered with a page, as Glance does', async () => {
  const missing = await show('none');
  expect(missing.headers['content-type']).toContain('text/html');
  expect(missing.text).toContain('<title>404 Not Found</title>');
  expect(missing.text).toContain('No image found with ID none');
});
