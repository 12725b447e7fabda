import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  call,
  credentials,
  passwordRequest,
  pick,
  startTestCloud,
  type Speaker,
  type TestCloud,
} from './test-cloud.js';

let cloud: TestCloud;
let demo: Speaker;
let tokens: string;

beforeAll(async () => {
  cloud = await startTestCloud();
  demo = await cloud.as('demo');
  tokens = `${cloud.url}/identity/v3/auth/tokens`;
});

afterAll(async () => {
  await cloud?.remove();
});

const unauthorized = {
  error: {
    code: 401,
    title: 'Unauthorized',
    message: 'The request you have made requires authentication.',
  },
};

const logIn = (body: unknown) => call('POST', tokens, { body });

describe('a password', () => {
  test('that is wrong, or of nobody, is refused in the same words', async () => {
    const auth = await credentials(cloud.cloudsYaml, 'demo');
    for (const change of [
      { password: 'wrong' },
      { username: 'nobody' },
      { project_name: 'none' },
    ]) {
      const refused = await logIn(passwordRequest({ ...auth, ...change }));
      expect(refused.status).toBe(401);
      expect(refused.body).toEqual(unauthorized);
    }
  });

  test('gives no token for a project of others', async () => {
    const auth = await credentials(cloud.cloudsYaml, 'demo');
    const refused = await logIn(passwordRequest({ ...auth, project_name: 'admin' }));
    expect(refused.status).toBe(401);
  });

  test('alone gives a token for the default project, or for none if asked so', async () => {
    const { auth } = passwordRequest(await credentials(cloud.cloudsYaml, 'demo'));
    const scoped = await logIn({ auth: { identity: auth.identity } });
    expect(pick(scoped, 'token.project.name')).toBe('demo');
    const unscoped = await logIn({ auth: { identity: auth.identity, scope: 'unscoped' } });
    expect(unscoped.body).not.toHaveProperty('token.project');
    const exchanged = await logIn({
      auth: {
        identity: {
          methods: ['token'],
          token: { id: String(unscoped.headers['x-subject-token']) },
        },
        scope: { project: { id: demo.projectId } },
      },
    });
    expect(pick(exchanged, 'token.project.id')).toBe(demo.projectId);
  });
});

describe('a token', () => {
  const about = (subject: string) => ({
    headers: { 'x-auth-token': demo.token, 'x-subject-token': subject },
  });

  test('names its project, roles and the catalog', async () => {
    const shown = await call('GET', tokens, about(demo.token));
    expect(shown.body).toMatchObject({
      token: {
        methods: ['password'],
        project: { name: 'demo', domain: { name: 'Default' } },
        roles: [{ name: 'member' }, { name: 'reader' }],
        user: { name: 'demo' },
      },
    });
    expect(shown.text).toContain(`${cloud.url}/volume/v3/${demo.projectId}`);
    expect((await call('HEAD', tokens, about(demo.token))).status).toBe(200);
    expect((await call('GET', tokens, about('gAAAAAnone'))).status).toBe(404);
  });

  test('is wanted everywhere but at the documents of versions', async () => {
    for (const path of [
      '/identity',
      '/identity/v3',
      '/compute',
      '/compute/v2.1',
      '/volume',
      '/volume/v3',
      '/networking',
      '/networking/v2.0',
      '/image',
      '/placement',
    ]) {
      expect((await call('GET', cloud.url + path)).status, path).toBeLessThan(400);
    }
    for (const path of [
      '/compute/v2.1/servers',
      '/networking/v2.0/ports',
      '/image/v2/images',
      `/volume/v3/${demo.projectId}/volumes`,
    ]) {
      const refused = await call('GET', cloud.url + path);
      expect(refused.status, path).toBe(401);
      expect(refused.headers['www-authenticate']).toBe(`Keystone uri="${cloud.url}/identity"`);
    }
  });

  test('is good no longer than it says, and not at all once revoked', async () => {
    await cloud.control('PUT', '/settings', { tokenSeconds: 1 });
    const short = await cloud.as('demo');
    await cloud.control('PUT', '/settings', { tokenSeconds: 3600 });
    expect((await short.nova('GET', '/flavors')).status).toBe(200);
    await expect
      .poll(async () => (await short.nova('GET', '/flavors')).status, { timeout: 3000 })
      .toBe(401);
    const other = await cloud.as('demo');
    expect((await call('DELETE', tokens, about(other.token))).status).toBe(204);
    expect((await other.nova('GET', '/flavors')).status).toBe(401);
    expect((await demo.nova('GET', '/flavors')).status).toBe(200);
  });
});

describe('an application credential', () => {
  const path = () => `/v3/users/${demo.userId}/application_credentials`;
  const withSecret = (id: string, secret: string) =>
    logIn({
      auth: {
        identity: { methods: ['application_credential'], application_credential: { id, secret } },
      },
    });

  test('logs in for its project until it is deleted, with its tokens', async () => {
    const made = await demo.identity('POST', path(), { application_credential: { name: 'robot' } });
    const id = pick(made, 'application_credential.id');
    const secret = pick(made, 'application_credential.secret');
    const token = await withSecret(id, secret);
    expect(pick(token, 'token.project.id')).toBe(demo.projectId);
    expect((await withSecret(id, 'wrong')).status).toBe(401);
    const shown = await demo.identity('GET', `${path()}/${id}`);
    expect(shown.body).not.toHaveProperty('application_credential.secret');
    expect((await demo.identity('GET', path())).text).toContain(id);
    expect((await demo.identity('DELETE', `${path()}/${id}`)).status).toBe(204);
    expect((await withSecret(id, secret)).status).toBe(401);
    const headers = { 'x-auth-token': String(token.headers['x-subject-token']) };
    expect((await call('GET', `${cloud.url}/compute/v2.1/flavors`, { headers })).status).toBe(401);
  });

  test('can be restricted to a role that its owner has, and is unique by name', async () => {
    const make = (more: object) =>
      demo.identity('POST', path(), { application_credential: { name: 'few', ...more } });
    expect((await make({ roles: [{ name: 'admin' }] })).status).toBe(404);
    const made = await make({ roles: [{ name: 'reader' }], secret: 'of my own' });
    expect(made.body).toMatchObject({
      application_credential: { secret: 'of my own', roles: [{ name: 'reader' }] },
    });
    expect((await make({})).status).toBe(409);
  });

  test('is nobody else’s to make', async () => {
    const hawser = await cloud.as('hawser');
    const refused = await hawser.identity('POST', path(), {
      application_credential: { name: 'x' },
    });
    expect(refused.status).toBe(403);
  });
});

test('an administrator makes projects and users that can log in', async () => {
  const admin = await cloud.as('admin');
  const project = pick(
    await admin.identity('POST', '/v3/projects', { project: { name: 'new' } }),
    'project.id',
  );
  const user = await admin.identity('POST', '/v3/users', { user: { name: 'ann', password: 'pw' } });
  const roles = await admin.identity('GET', '/v3/roles?name=member');
  const grant = `/v3/projects/${project}/users/${pick(user, 'user.id')}/roles/${pick(roles, 'roles.0.id')}`;
  const auth = { auth_url: '', username: 'ann', password: 'pw', project_name: 'new' };
  expect((await logIn(passwordRequest(auth))).status).toBe(401);
  expect((await admin.identity('PUT', grant)).status).toBe(204);
  expect((await logIn(passwordRequest(auth))).status).toBe(201);
  expect((await admin.identity('POST', '/v3/projects', { project: { name: 'new' } })).status).toBe(
    409,
  );
  expect((await demo.identity('GET', '/v3/users')).status).toBe(403);
});

test('an administrator sets a password, which ends what the old one opened, and changes nothing else', async () => {
  const admin = await cloud.as('admin');
  const fields = { name: 'bea', password: 'old', default_project_id: demo.projectId };
  const made = await admin.identity('POST', '/v3/users', { user: fields });
  const path = `/v3/users/${pick(made, 'user.id')}`;
  const withPassword = (password: string) =>
    logIn({
      auth: {
        identity: {
          methods: ['password'],
          password: { user: { id: pick(made, 'user.id'), password } },
        },
        scope: 'unscoped',
      },
    });
  const opened = await withPassword('old');
  expect(opened.status).toBe(201);
  expect((await admin.identity('PATCH', path, { user: { name: 'demo' } })).status).toBe(400);
  expect((await demo.identity('PATCH', path, { user: { password: 'mine' } })).status).toBe(403);
  expect((await admin.identity('PATCH', path, { user: { password: 'new' } })).status).toBe(200);
  const token = String(opened.headers['x-subject-token']);
  const headers = { 'x-auth-token': token, 'x-subject-token': token };
  expect((await call('GET', tokens, { headers })).status).toBe(401);
  expect((await withPassword('old')).status).toBe(401);
  expect((await withPassword('new')).status).toBe(201);
});
