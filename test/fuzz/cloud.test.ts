/** What is sent to a cloud, as a real HTTP server reads it, and what one may answer. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import * as fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { readComplaint, parseRetryAfter } from '../../openstack/error-body.js';
import { createBlockStorage } from '../../openstack/block-storage.js';
import { createCompute } from '../../openstack/compute.js';
import { createNetworks } from '../../openstack/network.js';
import { path, withQuery } from '../../openstack/query.js';
import { Session } from '../../openstack/session.js';
import { Transport } from '../../openstack/transport.js';
import { FakeCloud, PROJECT_ID } from '../openstack/fake-cloud.js';
import { expectFailure } from './failures.js';
import { hostileText } from './inputs.js';
import { holds, patience } from './properties.js';

const wellFormed = (text: string): boolean => Buffer.from(text).toString() === text;

describe('a request', { timeout: patience }, () => {
  let server: Server;
  let root: string;
  let seen: string;
  const transport = new Transport({ verify: true });

  beforeAll(async () => {
    server = createServer((request, response) => {
      seen = request.url ?? '';
      response.end('{}');
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    root = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(async () => {
    await transport.close();
    server.close();
  });

  const ask = async (url: string) =>
    transport.exchange({
      service: 'compute',
      method: 'GET',
      url: root + url,
      headers: {},
      timeoutMs: 10_000,
    });

  test('has the segments and the query that were meant', async () => {
    const query = fc.dictionary(
      hostileText.filter(wellFormed),
      fc.array(hostileText.filter(wellFormed), { maxLength: 2 }),
      { maxKeys: 3 },
    );
    await holds(
      'paths and queries',
      fc.tuple(hostileText, hostileText, query),
      async ([one, other, asked]) => {
        let target: string;
        try {
          target = path`/servers/${one}/os-volume_attachments/${other}`;
        } catch (error) {
          expect(error).toBeInstanceOf(TypeError);
          expect([one, other].some((id) => ['', '.', '..'].includes(id) || !wellFormed(id))).toBe(
            true,
          );
          return;
        }
        await ask(withQuery(target, asked));
        const [pathname = '', ...search] = seen.split('?');
        expect(pathname.split('/').map(decodeURIComponent)).toEqual([
          '',
          'servers',
          one,
          'os-volume_attachments',
          other,
        ]);
        const pairs = Object.entries(asked).flatMap(([key, values]) =>
          values.map((value) => [key, value]),
        );
        expect([...new URLSearchParams(search.join('?'))]).toEqual(pairs);
      },
    );
  });
});

describe('an answer', { timeout: patience }, () => {
  let cloud: FakeCloud;
  let session: Session;
  beforeAll(async () => {
    cloud = await FakeCloud.start();
  });
  afterAll(() => cloud?.close());
  beforeEach(() => {
    session = new Session(cloud.config());
    return () => session.close();
  });

  const volume = {
    id: 'v',
    name: 'n',
    status: 'available',
    size: 1,
    metadata: { a: 'b' },
    attachments: [{ server_id: 's', attachment_id: 'a', device: null }],
    created_at: '2026-01-01T00:00:00',
  };

  /** Sound JSON in which something is missing, or is something else. */
  const mutated = (sound: object) =>
    fc
      .array(
        fc.tuple(
          fc.oneof(fc.constantFrom(...Object.keys(sound)), hostileText),
          fc.oneof(fc.jsonValue(), hostileText),
        ),
        { maxLength: 3 },
      )
      .map((changes): object => ({ ...sound, ...Object.fromEntries(changes) }));

  const body = fc.oneof(
    mutated(volume).map((one) =>
      JSON.stringify({ volume: one, volumes: [one], server: one, port: one }),
    ),
    fc
      .jsonValue()
      .map((one) => JSON.stringify({ volume: one, volumes: one, server: one, port: one })),
    fc.jsonValue().map((value) => JSON.stringify(value)),
    hostileText,
    fc.constantFrom(
      '',
      'null',
      '[]',
      '{"volume":',
      '['.repeat(50_000),
      '<html>',
      '{"__proto__": {"volume": {}}}',
    ),
  );

  test('of any body is a value or a failure that says what it is', async () => {
    const calls = [
      [
        'volume',
        `/block-storage/v3/${PROJECT_ID}/volumes/v`,
        async () => createBlockStorage(session).getVolume('v'),
      ],
      ['compute', '/compute/v2.1/servers/s', async () => createCompute(session).getServer('s')],
      ['network', '/network/v2.0/ports/p', async () => createNetworks(session).findPort('p')],
      [
        'volumes',
        `/block-storage/v3/${PROJECT_ID}/volumes/detail`,
        async () => createBlockStorage(session).listVolumes(),
      ],
    ] as const;
    const status = fc.constantFrom(200, 200, 200, 300, 400, 401, 403, 404, 409, 413, 429, 500, 503);
    const retryAfter = fc.constantFrom(
      '',
      '5',
      '-1',
      '1e300',
      'NaN',
      'Infinity',
      'Fri, 31 Dec 9999 23:59:59 GMT',
      'soon',
    );
    await holds(
      'answers of a cloud',
      fc.tuple(fc.constantFrom(...calls), status, body, retryAfter),
      async ([[, at, call], code, text, delay]) => {
        cloud.on(`GET ${at}`, { status: code, text, headers: { 'retry-after': delay } });
        const outcome = await call().then(
          () => undefined,
          (error: unknown) => error,
        );
        if (outcome !== undefined) expectFailure(outcome);
      },
    );
  });

  test('with a next page of any address ends', async () => {
    const link = fc.oneof(
      hostileText,
      hostileText.map((text) => `http://x/y?${text}`),
      fc.webUrl({ withQueryParameters: true }),
    );
    await holds(
      'next pages',
      link,
      async (href) => {
        let pages = 0;
        cloud.on(`GET /block-storage/v3/${PROJECT_ID}/volumes/detail`, () => {
          pages += 1;
          return {
            json: { volumes: [volume], volumes_links: pages === 1 ? [{ rel: 'next', href }] : [] },
          };
        });
        const found: unknown = await createBlockStorage(session)
          .listVolumes()
          .catch((error: unknown) => error);
        if (Array.isArray(found)) expect(found).toHaveLength(2);
        else expectFailure(found);
      },
      { of: 0.5 },
    );
  });

  test('of Keystone’s is a token or a failure', async () => {
    const sound = {
      issued_at: '2026-01-01T00:00:00Z',
      expires_at: '2026-01-01T01:00:00Z',
      user: { id: 'u' },
      project: { id: PROJECT_ID },
      catalog: [],
    };
    const url = fc.oneof(
      hostileText,
      hostileText.map((text) => `http://127.0.0.1:1/${text}`),
      fc.constant('http://127.0.0.1:1/compute'),
    );
    const catalog = url.map((at) => ({
      ...sound,
      catalog: [{ type: 'compute', endpoints: [{ interface: 'public', region: 'R1', url: at }] }],
    }));
    const project = hostileText.map((id) => ({ ...sound, project: { id } }));
    await holds(
      'tokens',
      fc.oneof(mutated(sound), catalog, project),
      async (token) => {
        cloud.on('POST /identity/v3/auth/tokens', {
          status: 201,
          headers: { 'x-subject-token': 't' },
          json: { token },
        });
        const one = new Session(cloud.config());
        const error = await createCompute(one)
          .getServer('s')
          .then(
            () => undefined,
            (reason: unknown) => reason,
          );
        await one.close();
        expectFailure(error);
      },
      { of: 0.5 },
    );
    cloud.off('POST /identity/v3/auth/tokens');
  });

  test('that refuses is read in any form', async () => {
    const complaint = fc.record(
      {
        code: fc.jsonValue(),
        title: fc.jsonValue(),
        type: fc.jsonValue(),
        message: fc.jsonValue(),
        detail: fc.jsonValue(),
        retryAfter: fc.oneof(fc.jsonValue(), fc.double()),
      },
      { requiredKeys: [] },
    );
    const refusal = fc.oneof(
      hostileText,
      fc
        .tuple(fc.constantFrom('itemNotFound', 'error', 'NeutronError', '__proto__'), complaint)
        .map((pair) => JSON.stringify(Object.fromEntries([pair]))),
      fc.array(complaint).map((errors) => JSON.stringify({ errors })),
      fc.jsonValue().map((value) => JSON.stringify(value)),
    );
    await holds('refusals', fc.tuple(refusal, hostileText), ([text, header]) => {
      const { code, reason, retryAfterMs } = readComplaint(text);
      z.string().min(1).max(1000).parse(reason);
      z.string().max(100).optional().parse(code);
      for (const delay of [retryAfterMs, parseRetryAfter(header)])
        z.number().min(0).max(3_600_000).optional().parse(delay);
    });
  });
});
