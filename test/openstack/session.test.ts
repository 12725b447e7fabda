import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { CloudConfig } from '../../openstack/cloud-config.js';
import {
  AuthenticationFailed,
  EndpointNotFound,
  OpenStackError,
  OpenStackUnreachable,
  UnexpectedAnswer,
} from '../../openstack/errors.js';
import { listAll } from '../../openstack/paging.js';
import { Secret } from '../../openstack/secret.js';
import { Session, withSignal } from '../../openstack/session.js';
import { FakeCloud, PROJECT_ID } from './fake-cloud.js';

const SERVERS = 'GET /compute/v2.1/servers';
const schema = z.object({ servers: z.array(z.unknown()) });

let cloud: FakeCloud;
const sessions: Session[] = [];

const open = (changes: Partial<CloudConfig> = {}): Session => {
  const session = new Session(cloud.config(changes));
  sessions.push(session);
  return session;
};

const list = async (session: Session, more: { signal?: AbortSignal; timeoutMs?: number } = {}) =>
  session.request({ service: 'compute', method: 'GET', path: '/servers', schema, ...more });

const failure = async (work: Promise<unknown>): Promise<Error> => {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof Error)) throw new Error('it did not fail');
  return error;
};

beforeEach(async () => {
  cloud = await FakeCloud.start();
  cloud.on(SERVERS, { json: { servers: [] } });
});

afterEach(async () => {
  await Promise.all(sessions.splice(0).map(async (session) => session.close()));
  await cloud.close();
});

describe('logging in', () => {
  test('happens once for all who wait for it', async () => {
    const session = open();
    await Promise.all(Array.from({ length: 20 }, async () => list(session)));
    expect(cloud.tokensIssued).toBe(1);
    expect(cloud.calls(SERVERS)).toHaveLength(20);
  });

  test('sends a password with the domains of user and project', async () => {
    await open().authenticate();
    expect(cloud.logins).toEqual([
      {
        auth: {
          identity: {
            methods: ['password'],
            password: {
              user: { name: 'alice', domain: { id: 'default' }, password: 'correct horse' },
            },
          },
          scope: { project: { name: 'demo', domain: { id: 'default' } } },
        },
      },
    ]);
  });

  test('sends an application credential by id without a scope', async () => {
    const secret = new Secret('s3cret');
    await open({
      credentials: { kind: 'applicationCredential', id: 'ac-1', secret },
    }).authenticate();
    expect(cloud.logins).toEqual([
      {
        auth: {
          identity: {
            methods: ['application_credential'],
            application_credential: { id: 'ac-1', secret: 's3cret' },
          },
        },
      },
    ]);
  });

  test('sends an application credential by name with its user', async () => {
    const user = { name: 'alice', domain: { name: 'Users' } };
    const secret = new Secret('s3cret');
    await open({
      credentials: { kind: 'applicationCredential', name: 'hawser', user, secret },
    }).authenticate();
    expect(cloud.logins).toMatchObject([
      {
        auth: {
          identity: { application_credential: { name: 'hawser', user, secret: 's3cret' } },
        },
      },
    ]);
  });

  test('sends a token for the project', async () => {
    const token = new Secret('t0ken');
    await open({ credentials: { kind: 'token', token, project: { id: 'p9' } } }).authenticate();
    expect(cloud.logins).toEqual([
      {
        auth: {
          identity: { methods: ['token'], token: { id: 't0ken' } },
          scope: { project: { id: 'p9' } },
        },
      },
    ]);
  });

  test('tells project and user', async () => {
    const session = open();
    expect(() => session.projectId).toThrow('has not logged in');
    await session.authenticate();
    expect([session.projectId, session.userId]).toEqual([PROJECT_ID, 'user-1']);
    cloud.revokeTokens();
    cloud.on('POST /identity/v3/auth/tokens', { status: 503, text: 'down' });
    await failure(list(session));
    expect(session.projectId).toBe(PROJECT_ID);
  });

  test('is repeated before the token ends', async () => {
    cloud.lifeMs = 400;
    const session = open();
    await list(session);
    await list(session);
    expect(cloud.tokensIssued).toBe(1);
    await sleep(250);
    await list(session);
    expect(cloud.tokensIssued).toBe(2);
    expect(cloud.calls(SERVERS).at(-1)?.headers['x-auth-token']).toBe('token-2');
  });

  test('trusts the life of a token, not the clock of Keystone', async () => {
    cloud.clockMs = -10 * 3_600_000;
    const session = open();
    await list(session);
    await list(session);
    expect(cloud.tokensIssued).toBe(1);
  });

  test('fails at once on a wrong password, and says so without the password', async () => {
    const password = new Secret('hunter2');
    const config = cloud.config();
    const session = open({ credentials: { ...config.credentials, password } as never });
    const error = await failure(list(session));
    expect(error).toBeInstanceOf(AuthenticationFailed);
    expect(error).toMatchObject({ status: 401, url: `${cloud.url}/identity/v3` });
    expect(error.message).toContain('cloud test in clouds.yaml');
    expect(inspect(error, { depth: 9 })).not.toContain('hunter2');
    expect(cloud.logins).toHaveLength(1);
  });

  test('is tried again by the next call after it failed', async () => {
    const login = 'POST /identity/v3/auth/tokens';
    cloud.on(login, { status: 503, headers: { 'retry-after': '7' }, text: 'Service Unavailable' });
    const session = open();
    const error = await failure(list(session));
    expect(error).toBeInstanceOf(OpenStackError);
    expect(error).toMatchObject({ service: 'identity', status: 503, retryAfterMs: 7000 });
    cloud.off(login);
    await list(session);
    expect(cloud.tokensIssued).toBe(1);
  });

  test('calls a wrong address of Keystone a failed authentication, not a missing thing', async () => {
    const session = open({ authUrl: `${cloud.url}/keystone/v3` });
    cloud.on('POST /keystone/v3/auth/tokens', { status: 404, text: 'nothing here' });
    expect(await failure(list(session))).toBeInstanceOf(AuthenticationFailed);
  });

  test('does not believe the status of a refusal that breaks off', async () => {
    const session = open();
    const broken = { status: 404, text: '{"itemNotFound": {"code": 4' };
    cloud.on(SERVERS, broken);
    expect(await failure(list(session))).toBeInstanceOf(UnexpectedAnswer);
  });

  test('rejects an answer that is not a token', async () => {
    cloud.on('POST /identity/v3/auth/tokens', { status: 201, json: { token: {} } });
    expect(await failure(list(open()))).toBeInstanceOf(UnexpectedAnswer);
    cloud.on('POST /identity/v3/auth/tokens', {
      status: 201,
      headers: { 'x-subject-token': 'x' },
      json: { token: { expires_at: 'tomorrow' } },
    });
    expect((await failure(list(open()))).message).toContain('expires_at');
  });

  test('goes on for the others when one of those who wait leaves', async () => {
    let letIn = (): void => {};
    const gate = new Promise<void>((resolve) => (letIn = resolve));
    const session = open();
    cloud.beforeLogin = async () => gate;
    const leaver = new AbortController();
    const left = failure(list(session, { signal: leaver.signal }));
    const stayed = list(session);
    leaver.abort(new Error('changed my mind'));
    expect((await left).message).toBe('changed my mind');
    letIn();
    expect(await stayed).toEqual({ servers: [] });
    expect(cloud.tokensIssued).toBe(1);
  });
});

describe('a refused token', () => {
  test('is replaced once, and the call succeeds', async () => {
    const session = open();
    await list(session);
    cloud.revokeTokens();
    expect(await list(session)).toEqual({ servers: [] });
    expect(cloud.tokensIssued).toBe(2);
  });

  test('is replaced once for all calls that were refused with it', async () => {
    const session = open();
    await list(session);
    cloud.revokeTokens();
    await Promise.all(Array.from({ length: 20 }, async () => list(session)));
    expect(cloud.tokensIssued).toBe(2);
  });

  test('is an error when the new one is refused too', async () => {
    cloud.on(SERVERS, { status: 401, json: { error: { code: 401, message: 'go away' } } });
    const session = open();
    const error = await failure(list(session));
    expect(error).toMatchObject({ name: 'OpenStackError', status: 401, reason: 'go away' });
    expect(cloud.calls(SERVERS)).toHaveLength(2);
    expect(cloud.tokensIssued).toBe(2);
  });

  test('ends an upload, whose data cannot be sent twice', async () => {
    const session = open();
    await session.authenticate();
    cloud.revokeTokens();
    const stream = Readable.from([Buffer.from('data')]);
    const path = '/images/1/file';
    const error = await failure(session.send({ service: 'image', method: 'PUT', path, stream }));
    expect(error).toMatchObject({ name: 'OpenStackError', status: 401 });
    expect(cloud.calls('PUT /image/v2/images/1/file')).toHaveLength(1);
  });
});

describe('the catalog', () => {
  const endpoint = (url: string, region: string, face = 'public') => ({
    interface: face,
    region,
    region_id: region,
    url,
  });
  const found = async (url: string, service: 'compute' | 'volume' | 'network' | 'image') => {
    const types = { compute: 'compute', volume: 'volumev3', network: 'network', image: 'image' };
    cloud.catalog = [{ type: types[service], endpoints: [endpoint(cloud.url + url, 'R1')] }];
    await failure(open().send({ service, method: 'GET', path: '/x' }));
    return cloud.seen.at(-1)?.path;
  };

  test.each([
    ['compute', '/compute', '/compute/v2.1/x'],
    ['compute', '/compute/', '/compute/v2.1/x'],
    ['compute', '/compute/v2.1', '/compute/v2.1/x'],
    ['compute', '/compute/v2.1/', '/compute/v2.1/x'],
    ['compute', '/compute/v2.1/0af', '/compute/v2.1/x'],
    ['compute', '/v2/0af', '/v2.1/x'],
    ['compute', '', '/v2.1/x'],
    ['volume', '/volume/v3/0af', `/volume/v3/${PROJECT_ID}/x`],
    ['volume', '/volume/v3', `/volume/v3/${PROJECT_ID}/x`],
    ['volume', '/volume/', `/volume/v3/${PROJECT_ID}/x`],
    ['network', '', '/v2.0/x'],
    ['network', '/', '/v2.0/x'],
    ['network', '/networking', '/networking/v2.0/x'],
    ['network', '/networking/v2.0/', '/networking/v2.0/x'],
    ['image', '/image', '/image/v2/x'],
    ['image', '/image/v2', '/image/v2/x'],
    ['image', '/v1', '/v2/x'],
  ] as const)('names %s as "%s": calls go to %s', async (service, url, path) => {
    expect(await found(url, service)).toBe(path);
  });

  test('is read for the region and the interface of the configuration', async () => {
    cloud.catalog = [
      {
        type: 'compute',
        endpoints: [
          endpoint(`${cloud.url}/a`, 'A'),
          endpoint(`${cloud.url}/b`, 'B'),
          endpoint(`${cloud.url}/b-internal`, 'B', 'internal'),
        ],
      },
    ];
    cloud.on('GET /b-internal/v2.1/servers', { json: { servers: [] } });
    expect(await list(open({ region: 'B', interface: 'internal' }))).toEqual({ servers: [] });
  });

  test('must have the service, the region and the interface', async () => {
    const nowhere = await failure(list(open({ region: 'Mars' })));
    expect(nowhere).toBeInstanceOf(EndpointNotFound);
    expect(nowhere).toMatchObject({ service: 'compute', region: 'Mars', interface: 'public' });
    expect(nowhere.message).toContain('public in R1');
    cloud.catalog = [];
    expect((await failure(list(open()))).message).toContain('no service of type compute');
  });

  test('with several regions and none chosen is an error, not a guess', async () => {
    const endpoints = [endpoint(`${cloud.url}/a`, 'A'), endpoint(`${cloud.url}/b`, 'B')];
    cloud.catalog = [{ type: 'compute', endpoints }];
    const error = await failure(list(open({ region: undefined })));
    expect(error).toBeInstanceOf(EndpointNotFound);
    expect(error.message).toContain('set region_name');
  });

  test('prefers the newest name of the volume service', async () => {
    cloud.catalog = [
      { type: 'volume', endpoints: [endpoint(`${cloud.url}/old/v1/x`, 'R1')] },
      { type: 'volumev3', endpoints: [endpoint(`${cloud.url}/v3`, 'R1')] },
      { type: 'block-storage', endpoints: [endpoint(`${cloud.url}/best/v3/x`, 'R1')] },
    ];
    await failure(open().send({ service: 'volume', method: 'GET', path: '/types' }));
    expect(cloud.seen.at(-1)?.path).toBe(`/best/v3/${PROJECT_ID}/types`);
  });

  test('counts less than an endpoint of the configuration', async () => {
    cloud.on('GET /elsewhere/v2.1/servers', { json: { servers: [] } });
    const endpointOverrides = { compute: `${cloud.url}/elsewhere/v2.1/%(project_id)s` };
    const session = open({ endpointOverrides });
    expect(await list(session)).toEqual({ servers: [] });
    expect(await session.endpointOf('compute')).toBe(`${cloud.url}/elsewhere/v2.1`);
  });
});

describe('a call', () => {
  test('says who calls and which microversion it speaks', async () => {
    const session = open();
    const call = { method: 'GET', path: '/servers', microversion: '2.60' } as const;
    await session.send({ service: 'compute', ...call });
    expect(cloud.seen.at(-1)?.headers).toMatchObject({
      'user-agent': expect.stringMatching(/^hawser\/\d+\.\d+\.\d+/) as string,
      'openstack-api-version': 'compute 2.60',
      'x-openstack-nova-api-version': '2.60',
      accept: 'application/json',
    });
    await failure(session.send({ service: 'volume', ...call, microversion: '3.42' }));
    expect(cloud.seen.at(-1)?.headers['openstack-api-version']).toBe('volume 3.42');
  });

  test('repeats a key of the query for each value, and escapes', async () => {
    const query = { id: ['a', 'b'], name: 'x&y=z', none: undefined, admin: false };
    await open().send({ service: 'compute', method: 'GET', path: '/servers', query });
    const { query: seen } = cloud.seen.at(-1) ?? { query: new URLSearchParams() };
    expect([...seen]).toEqual([
      ['id', 'a'],
      ['id', 'b'],
      ['name', 'x&y=z'],
      ['admin', 'false'],
    ]);
  });

  test('that is refused tells service, method, URL, status, code, reason and request', async () => {
    cloud.on(SERVERS, {
      status: 403,
      json: { forbidden: { code: 403, message: 'Quota exceeded for cores' } },
    });
    const error = await failure(list(open()));
    expect(error).toBeInstanceOf(OpenStackError);
    expect(error).toMatchObject({
      service: 'compute',
      method: 'GET',
      url: `${cloud.url}/compute/v2.1/servers`,
      status: 403,
      code: 'forbidden',
      reason: 'Quota exceeded for cores',
      requestId: 'req-7',
    });
    expect(error.message).toBe(
      `The compute service answered 403 forbidden to GET ${cloud.url}/compute/v2.1/servers: ` +
        'Quota exceeded for cores (request req-7)',
    );
  });

  test('that is refused for now tells how long', async () => {
    cloud.on(SERVERS, { status: 429, headers: { 'retry-after': '3' }, text: 'slow down' });
    expect(await failure(list(open()))).toMatchObject({ status: 429, retryAfterMs: 3000 });
  });

  test.each([
    ['a page', { text: '<html>Welcome</html>' }],
    ['cut-off JSON', { text: '{"servers": [' }],
    ['nothing', { text: '' }],
    ['another shape', { json: { servers: 'many' } }],
    ['a list', { json: [] }],
  ])('that is answered with %s is an error of its own', async (_, reply) => {
    cloud.on(SERVERS, reply);
    const error = await failure(list(open()));
    expect(error).toBeInstanceOf(UnexpectedAnswer);
    expect(error).toMatchObject({ service: 'compute', method: 'GET', requestId: 'req-7' });
  });

  test('that is answered without end is stopped', async () => {
    cloud.on(SERVERS, { text: 'x'.repeat(17 * 1024 * 1024) });
    const error = await failure(list(open()));
    expect(error).toBeInstanceOf(UnexpectedAnswer);
    expect(error.message).toContain('longer than 16777216 bytes');
  });

  test.each(['reset', 'cut off'] as const)('that ends in "%s" is not repeated', async (reply) => {
    cloud.on(SERVERS, reply);
    const error = await failure(list(open()));
    expect(error).toBeInstanceOf(OpenStackUnreachable);
    expect(error).toMatchObject({ service: 'compute', timedOut: false });
    expect(cloud.calls(SERVERS)).toHaveLength(1);
  });

  test('that is not answered in time is given up', async () => {
    cloud.on(SERVERS, 'silence');
    const session = open();
    await session.authenticate();
    const error = await failure(list(session, { timeoutMs: 100 }));
    expect(error).toBeInstanceOf(OpenStackUnreachable);
    expect(error).toMatchObject({ timedOut: true });
    expect(error.message).toContain('no answer within 0.1 s');
    const impatient = open({ timeoutMs: 150 });
    await impatient.authenticate();
    expect((await failure(list(impatient))).message).toContain('no answer within 0.15 s');
  });

  test('that its caller gives up ends with the caller’s own reason', async () => {
    cloud.on(SERVERS, 'silence');
    const session = open();
    const reason = new Error('cancelled');
    const controller = new AbortController();
    const pending = failure(list(session, { signal: controller.signal }));
    await expect.poll(() => cloud.calls(SERVERS).length).toBe(1);
    controller.abort(reason);
    expect(await pending).toBe(reason);
    expect(await failure(list(session, { signal: controller.signal }))).toBe(reason);
    expect(cloud.calls(SERVERS)).toHaveLength(1);
  });

  test('that was given up before it began sends nothing', async () => {
    const signal = AbortSignal.abort(new Error('too late'));
    expect((await failure(list(open(), { signal }))).message).toBe('too late');
    expect(cloud.seen).toEqual([]);
  });

  test('takes the signal of its view of the session', async () => {
    cloud.on(SERVERS, 'silence');
    const view = withSignal(open(), AbortSignal.timeout(100));
    const call = { service: 'compute', method: 'GET', path: '/servers', schema } as const;
    expect(await failure(view.request(call).then(() => undefined))).toMatchObject({
      name: 'TimeoutError',
    });
  });

  test('does not follow a redirect, which would take the token with it', async () => {
    cloud.on(SERVERS, { status: 302, headers: { location: 'http://evil.example/' } });
    const error = await failure(list(open()));
    expect(error).toMatchObject({ status: 302, reason: 'moved to http://evil.example/' });
  });

  test('to a closed port or an unknown host says which it was', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    server.close();
    const refused = await failure(list(open({ authUrl: `http://127.0.0.1:${port}/v3` })));
    expect(refused).toBeInstanceOf(OpenStackUnreachable);
    expect(refused).toMatchObject({ service: 'identity', timedOut: false });
    expect(refused.message).toContain('ECONNREFUSED');
    const unknown = await failure(list(open({ authUrl: 'http://keystone.invalid/v3' })));
    expect(unknown).toBeInstanceOf(OpenStackUnreachable);
    expect(unknown.message).toContain('keystone.invalid');
  });

  test('keeps the password and the token out of errors', async () => {
    cloud.on(SERVERS, { status: 500, text: 'boom' });
    const session = open();
    const refused = await failure(list(session));
    cloud.on(SERVERS, 'reset');
    const reset = await failure(list(session));
    cloud.on(SERVERS, { text: 'nonsense' });
    const nonsense = await failure(list(session));
    const shown = inspect([session, cloud.config(), refused, reset, nonsense], { depth: 20 });
    const json = JSON.stringify([cloud.config(), refused, reset, nonsense]);
    for (const secret of ['correct horse', 'token-1']) {
      expect(shown).not.toContain(secret);
      expect(json).not.toContain(secret);
    }
  });
});

describe('an answer that nobody expects', () => {
  const next = (href: string) =>
    cloud.on(SERVERS, { json: { servers: [], servers_links: [{ rel: 'next', href }] } });
  const servers = async (one: Session) =>
    listAll(one, { service: 'compute', path: '/servers' }, 'servers', z.unknown());

  test('has a next page that is nowhere', async () => {
    next('http://[');
    expect(await failure(servers(open()))).toBeInstanceOf(UnexpectedAnswer);
  });

  test('has a next page whose query is named like a part of JavaScript', async () => {
    let asked = 0;
    cloud.on(SERVERS, ({ query }) => {
      asked += 1;
      const links = [{ rel: 'next', href: '?__proto__=x&constructor=y' }];
      expect(asked === 1 || query.get('__proto__') === 'x').toBe(true);
      return { json: { servers: [asked], servers_links: asked === 1 ? links : [] } };
    });
    expect(await servers(open())).toEqual([1, 2]);
  });

  test('has pages without end, each another one', async () => {
    let page = 0;
    cloud.on(SERVERS, () => {
      page += 1;
      const links = [{ rel: 'next', href: `?marker=${page}` }];
      return { json: { servers: Array(1000).fill(page), servers_links: links } };
    });
    expect((await failure(servers(open()))).message).toContain('its pages never end');
    expect(page).toBeLessThan(200);
  });

  test('is wrong in a hundred thousand places', async () => {
    cloud.on(SERVERS, { json: { servers: Array(100_000).fill(null) } });
    const work = open().request({
      service: 'compute',
      method: 'GET',
      path: '/servers',
      schema: z.object({ servers: z.array(z.string()) }),
    });
    const error = await failure(work);
    expect(error).toBeInstanceOf(UnexpectedAnswer);
    expect(error.message.length).toBeLessThan(3000);
  });

  test.each([
    'no url',
    'file:///etc/passwd',
    'http://host/?a=',
    'http://host/#',
    'http://[',
    'http://host/a\nb',
  ])('is a catalog with %s', async (url) => {
    cloud.catalog = [
      { type: 'compute', endpoints: [{ interface: 'public', region_id: 'R1', url }] },
    ];
    const error = await failure(list(open()));
    expect(error).toBeInstanceOf(EndpointNotFound);
    expect(error.message).toContain(`${JSON.stringify(url)} is no URL`);
  });

  test('is a token of a project whose id leads elsewhere', async () => {
    const token = {
      issued_at: '2026-01-01T00:00:00Z',
      expires_at: '2026-01-01T01:00:00Z',
      user: { id: 'u' },
      project: { id: '../../admin' },
      catalog: [],
    };
    cloud.on('POST /identity/v3/auth/tokens', {
      status: 201,
      headers: { 'x-subject-token': 't' },
      json: { token },
    });
    expect((await failure(list(open()))).message).toContain('an id expected');
  });
});
