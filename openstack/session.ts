import type { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import { z } from 'zod';
import { orAborted } from './abort.js';
import { findEndpoint } from './catalog.js';
import type { CloudConfig } from './cloud-config.js';
import { parseJson, parseRetryAfter, readComplaint } from './error-body.js';
import { OpenStackError, type Service, UnexpectedAnswer } from './errors.js';
import { type Token, logIn } from './log-in.js';
import { type Query, withQuery } from './query.js';
import { type Answer, type Outgoing, Transport, where } from './transport.js';

export interface Call {
  service: Service;
  method: Dispatcher.HttpMethod;
  /** Below the service's versioned endpoint, from `path`: `/servers/1234`. */
  path: string;
  query?: Query | undefined;
  /** Sent as JSON. */
  body?: unknown;
  /** Sent as it is, once: a stream cannot be sent again after a 401. */
  stream?: Readable | undefined;
  microversion?: string | undefined;
  headers?: Record<string, string> | undefined;
  signal?: AbortSignal | undefined;
  /** Default: the cloud's `api_timeout`, else 60 s. */
  timeoutMs?: number | undefined;
}

/** What the clients of the services need of a session. */
export interface Requester {
  request<T>(call: Call & { schema: z.ZodType<T> }): Promise<T>;
  send(call: Call): Promise<void>;
}

const DEFAULT_TIMEOUT_MS = 60_000;

/**
 * A project's access to a cloud. Logs in when first used, once for all who wait; again shortly before the
 * token ends, and once when a service refuses it. Nothing else is ever tried twice.
 *
 * Every call throws OpenStackError, OpenStackUnreachable, UnexpectedAnswer, AuthenticationFailed,
 * EndpointNotFound, or the reason of its own signal.
 */
export class Session implements Requester {
  readonly #config: CloudConfig;
  readonly #transport: Transport;
  readonly #timeoutMs: number;
  #token: Token | undefined;
  /** Outlives the token: who we are is known even while a new one is on its way. */
  #lastToken: Token | undefined;
  #loggingIn: Promise<Token> | undefined;

  constructor(config: CloudConfig) {
    this.#config = config;
    this.#transport = new Transport(config.tls);
    this.#timeoutMs = config.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  }

  /** Proves the credentials, so that a wrong password shows at start. */
  async authenticate(signal?: AbortSignal): Promise<{ projectId: string; userId: string }> {
    const { projectId, userId } = await this.#currentToken(signal);
    return { projectId, userId };
  }

  /** The versioned endpoint that calls to the service go to. */
  async endpointOf(service: Service, signal?: AbortSignal): Promise<string> {
    return findEndpoint(service, this.#config, await this.#currentToken(signal));
  }

  /** @throws Error before the first call or `authenticate` */
  get projectId(): string {
    return this.#knownToken().projectId;
  }

  /** @throws Error before the first call or `authenticate` */
  get userId(): string {
    return this.#knownToken().userId;
  }

  /** Sends a call and reads its answer. */
  async request<T>(call: Call & { schema: z.ZodType<T> }): Promise<T> {
    const { answer, outgoing } = await this.#call(call);
    const complain = (detail: string, cause?: unknown): UnexpectedAnswer =>
      new UnexpectedAnswer({ ...where(outgoing), detail, requestId: answer.requestId, cause });
    const json = parseJson(answer.text);
    if (json === undefined) throw complain('it is not JSON');
    const parsed = call.schema.safeParse(json);
    if (!parsed.success) throw complain(z.prettifyError(parsed.error), parsed.error);
    return parsed.data;
  }

  /** Sends a call whose answer says nothing but that it was accepted. */
  async send(call: Call): Promise<void> {
    await this.#call(call);
  }

  /** Ends all connections; calls under way fail. */
  async close(): Promise<void> {
    await this.#transport.close();
  }

  async #call(call: Call): Promise<{ answer: Answer; outgoing: Outgoing }> {
    const first = await this.#currentToken(call.signal);
    let outgoing = this.#outgoing(call, first);
    let answer = await this.#transport.exchange(outgoing);
    if (answer.status === 401 && call.stream === undefined) {
      const second = await this.#tokenAfter(first, call.signal);
      outgoing = this.#outgoing(call, second);
      answer = await this.#transport.exchange(outgoing);
    }
    if (answer.status < 200 || answer.status > 299) throw refusal(outgoing, answer);
    return { answer, outgoing };
  }

  #outgoing(call: Call, token: Token): Outgoing {
    const endpoint = findEndpoint(call.service, this.#config, token);
    return {
      service: call.service,
      method: call.method,
      url: withQuery(endpoint + call.path, call.query),
      headers: {
        ...(call.body === undefined ? {} : { 'content-type': 'application/json' }),
        ...microversionHeaders(call.service, call.microversion),
        ...call.headers,
        'x-auth-token': token.value.reveal(),
      },
      body: call.stream ?? (call.body === undefined ? undefined : JSON.stringify(call.body)),
      signal: call.signal,
      timeoutMs: call.timeoutMs ?? this.#timeoutMs,
    };
  }

  async #currentToken(signal: AbortSignal | undefined): Promise<Token> {
    if (this.#token !== undefined && performance.now() < this.#token.renewAt) return this.#token;
    return orAborted(async () => this.#logIn(), signal);
  }

  /** Many calls may be refused with the same old token: only the first of them logs in again. */
  async #tokenAfter(refused: Token, signal: AbortSignal | undefined): Promise<Token> {
    if (this.#token === refused) this.#token = undefined;
    return this.#currentToken(signal);
  }

  async #logIn(): Promise<Token> {
    this.#loggingIn ??= logIn(this.#transport, this.#config, this.#timeoutMs)
      .then((token) => (this.#token = this.#lastToken = token))
      .finally(() => (this.#loggingIn = undefined));
    return this.#loggingIn;
  }

  #knownToken(): Token {
    if (this.#lastToken === undefined) throw new Error('The session has not logged in yet');
    return this.#lastToken;
  }
}

/** The same session with a signal on every call that has none of its own. */
export const withSignal = (requester: Requester, signal: AbortSignal): Requester => ({
  request: async (call) => requester.request({ signal, ...call }),
  send: async (call) => requester.send({ signal, ...call }),
});

function refusal(outgoing: Outgoing, answer: Answer): OpenStackError | UnexpectedAnswer {
  // "Not there" has consequences, so it must be said in full.
  const cutOff = answer.text.startsWith('{') && parseJson(answer.text) === undefined;
  if (answer.status === 404 && cutOff) {
    const detail = `it is 404, and what it says breaks off: ${answer.text.slice(0, 100)}`;
    return new UnexpectedAnswer({ ...where(outgoing), requestId: answer.requestId, detail });
  }
  const location = answer.header('location');
  const complaint = readComplaint(answer.text);
  return new OpenStackError({
    ...where(outgoing),
    status: answer.status,
    code: complaint.code,
    // A redirect is not followed: it would carry the token to wherever it points.
    reason:
      answer.status < 400 && location !== undefined ? `moved to ${location}` : complaint.reason,
    requestId: answer.requestId,
    retryAfterMs: parseRetryAfter(answer.header('retry-after')) ?? complaint.retryAfterMs,
  });
}

/** Nova reads both names; clouds from before 2016 know only the first. */
function microversionHeaders(
  service: Service,
  version: string | undefined,
): Record<string, string> {
  if (version === undefined) return {};
  const common = { 'openstack-api-version': `${service} ${version}` };
  return service === 'compute' ? { ...common, 'x-openstack-nova-api-version': version } : common;
}
