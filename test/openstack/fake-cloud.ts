import { once } from 'node:events';
import { type IncomingHttpHeaders, createServer } from 'node:http';
import { type ServerOptions, createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { CloudConfig } from '../../openstack/cloud-config.js';
import { Secret } from '../../openstack/secret.js';

export interface Seen {
  method: string;
  path: string;
  query: URLSearchParams;
  headers: IncomingHttpHeaders;
  body: string;
}

/** An answer, or what happens instead of one. */
export type Reply =
  | { status?: number; headers?: Record<string, string>; json?: unknown; text?: string }
  | 'reset'
  | 'silence'
  | 'cut off';

type Handler = (request: Seen) => Reply | Promise<Reply>;

export const PASSWORD = 'correct horse';
export const PROJECT_ID = 'project-1';

/** An HTTP server that logs people in as Keystone does, and answers the rest as a test tells it. */
export class FakeCloud {
  readonly url: string;
  readonly seen: Seen[] = [];
  /** What Keystone says of each token from now on. */
  lifeMs = 3_600_000;
  /** How wrong its clock is. */
  clockMs = 0;
  catalog: unknown[];
  beforeLogin: () => Promise<void> = async () => {};
  readonly #routes = new Map<string, Handler>();
  readonly #good = new Set<string>();
  readonly #close: () => Promise<void>;
  tokensIssued = 0;

  private constructor(url: string, close: () => Promise<void>) {
    this.url = url;
    this.#close = close;
    this.catalog = ['compute', 'block-storage', 'network', 'image'].map((type) => ({
      type,
      endpoints: [{ interface: 'public', region: 'R1', region_id: 'R1', url: `${url}/${type}` }],
    }));
  }

  static async start(tls?: ServerOptions): Promise<FakeCloud> {
    const server = tls === undefined ? createServer() : createTlsServer(tls);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const cloud = new FakeCloud(
      `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
      async () => {
        server.closeAllConnections();
        server.close();
        await once(server, 'close');
      },
    );
    server.on('request', (request, response) => {
      void (async () => {
        let body = '';
        for await (const chunk of request) body += String(chunk);
        const { pathname, searchParams } = new URL(request.url ?? '/', cloud.url);
        const { method = '', headers } = request;
        const reply = await cloud.#answer({
          method,
          path: pathname,
          query: searchParams,
          headers,
          body,
        });
        if (reply === 'reset') return request.socket.resetAndDestroy();
        if (reply === 'silence') return undefined;
        if (reply === 'cut off') {
          response.writeHead(200, { 'content-length': '1000', 'content-type': 'application/json' });
          response.write('{"server": {"id"');
          return setTimeout(() => request.socket.destroy(), 20);
        }
        const { status = 200, json, text = json === undefined ? '' : JSON.stringify(json) } = reply;
        return response
          .writeHead(status, { 'x-openstack-request-id': 'req-7', ...reply.headers })
          .end(text);
      })();
    });
    return cloud;
  }

  /** `GET /compute/v2.1/servers/1`; tokens are checked before it is asked. */
  on(call: string, reply: Reply | Handler): this {
    this.#routes.set(call, typeof reply === 'function' ? reply : () => reply);
    return this;
  }

  off(call: string): void {
    this.#routes.delete(call);
  }

  /** As when Keystone's keys were rotated: no token is good any more. */
  revokeTokens(): void {
    this.#good.clear();
  }

  calls(call: string): Seen[] {
    return this.seen.filter(({ method, path }) => `${method} ${path}` === call);
  }

  get logins(): unknown[] {
    return this.calls('POST /identity/v3/auth/tokens').map(
      ({ body }) => JSON.parse(body) as unknown,
    );
  }

  config(changes: Partial<CloudConfig> = {}): CloudConfig {
    return {
      source: 'cloud test in clouds.yaml',
      authUrl: `${this.url}/identity/v3`,
      credentials: {
        kind: 'password',
        user: { name: 'alice', domain: { id: 'default' } },
        password: new Secret(PASSWORD),
        project: { name: 'demo', domain: { id: 'default' } },
      },
      region: 'R1',
      interface: 'public',
      endpointOverrides: {},
      tls: { verify: true },
      ...changes,
    };
  }

  async close(): Promise<void> {
    await this.#close();
  }

  async #answer(request: Seen): Promise<Reply> {
    this.seen.push(request);
    const call = `${request.method} ${request.path}`;
    const handler = this.#routes.get(call);
    if (call.endsWith('/auth/tokens')) {
      await this.beforeLogin();
      return handler?.(request) ?? this.#logIn(request);
    }
    if (!this.#good.has(request.headers['x-auth-token'] as string)) {
      const message = 'The request you have made requires authentication.';
      return { status: 401, json: { error: { code: 401, title: 'Unauthorized', message } } };
    }
    return handler?.(request) ?? { status: 404, text: '404 Not Found: no such route' };
  }

  #logIn({ body }: Seen): Reply {
    if (body.includes('"password"') && !body.includes(PASSWORD)) {
      const message = 'The request you have made requires authentication.';
      return { status: 401, json: { error: { code: 401, title: 'Unauthorized', message } } };
    }
    this.tokensIssued += 1;
    const token = `token-${this.tokensIssued}`;
    this.#good.add(token);
    const now = Date.now() + this.clockMs;
    return {
      status: 201,
      headers: { 'x-subject-token': token },
      json: {
        token: {
          issued_at: new Date(now).toISOString(),
          expires_at: new Date(now + this.lifeMs).toISOString(),
          user: { id: 'user-1', name: 'alice' },
          project: { id: PROJECT_ID, name: 'demo' },
          catalog: this.catalog,
        },
      },
    };
  }
}
