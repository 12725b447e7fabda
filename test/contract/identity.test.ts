import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import type { Credentials } from '../../openstack/cloud-config.js';
import type { Service } from '../../openstack/errors.js';
import { connectCloud } from '../../openstack/index.js';
import { Secret } from '../../openstack/secret.js';
import { configOf, connectAs, newName, rawAs, refusal, undoAfterAll } from './clouds.js';
import { makeThrowAwayProject } from './throw-away-project.js';

const demo = connectAs('demo');
const admin = connectAs('admin');
const later = undoAfterAll();
let projectId: string;
let userId: string;

beforeAll(async () => {
  ({ projectId, userId } = await demo.session.authenticate());
});

const logInWith = (credentials: Credentials) => {
  const { session } = connectCloud({ ...configOf('demo'), credentials });
  onTestFinished(() => session.close());
  return session.authenticate();
};

const refused = { name: 'AuthenticationFailed', status: 401 };

/** A harmless look at each service. */
const looks: [Service, string][] = [
  ['identity', '/auth/projects'],
  ['compute', '/servers'],
  ['volume', '/volumes'],
  ['network', '/networks'],
  ['image', '/images'],
];

describe('logging in', () => {
  test('tells project and user', () => {
    expect(projectId).toMatch(/^[0-9a-f]{32}$/);
    expect(userId).toMatch(/^[0-9a-f]{32}$/);
  });

  test('with a wrong password is refused with 401', async () => {
    const password = new Secret('wrong');
    const login = { kind: 'password', user: { id: userId }, password } as const;
    await expect(logInWith({ ...login, project: { id: projectId } })).rejects.toMatchObject(
      refused,
    );
  });

  test('to an unknown project is refused with 401', async () => {
    const { credentials } = configOf('demo');
    if (credentials.kind !== 'password') throw new Error('demo logs in by password');
    const project = { id: 'ffffffffffffffffffffffffffffffff' };
    await expect(logInWith({ ...credentials, project })).rejects.toMatchObject(refused);
  });
});

describe('a token', () => {
  test.each(looks)('opens the %s service, which the catalog names', async (service, path) => {
    expect((await (await rawAs('demo')).get(service, path)).status).toBe(200);
  });

  test.each(looks)('that is not valid is refused by the %s service with 401', async (...look) => {
    const { get } = await rawAs('demo');
    expect((await get(...look, { 'x-auth-token': 'not-a-token' })).status).toBe(401);
  });

  test('that was revoked is refused with 401', async () => {
    const { get, token } = await rawAs('demo');
    await demo.session.send({
      service: 'identity',
      method: 'DELETE',
      path: '/auth/tokens',
      headers: { 'x-subject-token': token },
    });
    expect((await get('identity', '/auth/projects')).status).toBe(401);
    const project = { id: projectId };
    await expect(
      logInWith({ kind: 'token', token: new Secret(token), project }),
    ).rejects.toMatchObject({ name: 'AuthenticationFailed' });
  });
});

describe('a session', () => {
  test('gets itself another token when its own was revoked', async () => {
    const { cloud, config, ...user } = await makeThrowAwayProject(admin, later);
    const path = '/auth/projects';
    const look = () => cloud.session.send({ service: 'identity', method: 'GET', path });
    await look();
    const { get } = await rawAs(config);
    expect((await get('identity', path)).status).toBe(200);
    // Setting a password, though it be the same, ends all that was opened with it.
    await admin.session.send({
      service: 'identity',
      method: 'PATCH',
      path: `/users/${user.userId}`,
      body: { user: { password: user.password } },
    });
    // Keystone's tokens are dated in whole seconds: one of the same second would be void too.
    await sleep(1100);
    expect((await get('identity', path)).status).toBe(401);
    await look();
  });
});

const credentialSchema = z.object({
  application_credential: z.object({ id: z.string(), secret: z.string() }),
});

describe('an application credential', () => {
  const path = () => `/users/${userId}/application_credentials`;

  const create = async (name: string) => {
    const { application_credential: made } = await demo.session.request({
      service: 'identity',
      method: 'POST',
      path: path(),
      body: { application_credential: { name } },
      schema: credentialSchema,
    });
    onTestFinished(() => remove(made.id).catch(() => undefined));
    return made;
  };
  const remove = (id: string) =>
    demo.session.send({ service: 'identity', method: 'DELETE', path: `${path()}/${id}` });

  test('opens the project it was made in until it is deleted', async () => {
    const { id, secret } = await create(newName('credential'));
    const login = { kind: 'applicationCredential', id, secret: new Secret(secret) } as const;
    expect(await logInWith(login)).toEqual({ projectId, userId });
    await remove(id);
    await expect(logInWith(login)).rejects.toMatchObject({ name: 'AuthenticationFailed' });
  });

  test('has a name of its own among those of its user', async () => {
    const name = newName('credential');
    await create(name);
    expect(await refusal(create(name))).toBe('409 Conflict');
  });
});
