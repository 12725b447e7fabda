/** What can go wrong with an OpenStack API. None of it carries a password, a token or a user name in a URL. */

export type Service = 'identity' | 'compute' | 'volume' | 'network' | 'image';

interface Call {
  service: Service;
  method: string;
  url: string;
}

/** The service answered, and said no. */
export class OpenStackError extends Error {
  override readonly name = 'OpenStackError';
  readonly service: Service;
  readonly method: string;
  readonly url: string;
  readonly status: number;
  /** The service's own word for it: `itemNotFound`, `OverQuota`, `PortNotFound`… */
  readonly code: string | undefined;
  /** The service's message. */
  readonly reason: string;
  readonly requestId: string | undefined;
  /** How long the service asks to wait before the next try. */
  readonly retryAfterMs: number | undefined;

  constructor(
    call: Call & {
      status: number;
      code?: string | undefined;
      reason: string;
      requestId?: string | undefined;
      retryAfterMs?: number | undefined;
    },
  ) {
    const code = call.code === undefined ? '' : ` ${call.code}`;
    super(
      `The ${call.service} service answered ${call.status}${code} to ${call.method} ${call.url}: ` +
        `${call.reason}${seeRequest(call.requestId)}`,
    );
    this.service = call.service;
    this.method = call.method;
    this.url = call.url;
    this.status = call.status;
    this.code = call.code;
    this.reason = call.reason;
    this.requestId = call.requestId;
    this.retryAfterMs = call.retryAfterMs;
  }
}

/** No answer: refused, reset, no such host, TLS, too late. Whether the call had its effect is not known. */
export class OpenStackUnreachable extends Error {
  override readonly name = 'OpenStackUnreachable';
  readonly service: Service;
  readonly method: string;
  readonly url: string;
  readonly timedOut: boolean;

  constructor(call: Call & { detail: string; timedOut: boolean; cause?: unknown }) {
    super(
      `The ${call.service} service did not answer ${call.method} ${call.url}: ${call.detail}. ` +
        `Check that the address is right and the service is up.`,
      { cause: call.cause },
    );
    this.service = call.service;
    this.method = call.method;
    this.url = call.url;
    this.timedOut = call.timedOut;
  }
}

/** Keystone does not accept the credentials: asking again with the same ones cannot help. */
export class AuthenticationFailed extends Error {
  override readonly name = 'AuthenticationFailed';
  readonly url: string;
  readonly status: number;
  readonly reason: string;

  constructor(failure: { url: string; status: number; reason: string; source: string }) {
    super(
      `The identity service at ${failure.url} refused the credentials of ${failure.source} ` +
        `(${failure.status}): ${failure.reason}`,
    );
    this.url = failure.url;
    this.status = failure.status;
    this.reason = failure.reason;
  }
}

/** The catalog has no endpoint that fits the service, region and interface asked for. */
export class EndpointNotFound extends Error {
  override readonly name = 'EndpointNotFound';
  readonly service: Service;
  readonly region: string | undefined;
  readonly interface: string;

  constructor(wanted: {
    service: Service;
    region: string | undefined;
    interface: string;
    detail: string;
  }) {
    const region = wanted.region === undefined ? 'any region' : `region ${wanted.region}`;
    super(
      `The catalog has no usable ${wanted.interface} endpoint of the ${wanted.service} service ` +
        `in ${region}: ${wanted.detail}`,
    );
    this.service = wanted.service;
    this.region = wanted.region;
    this.interface = wanted.interface;
  }
}

/** A long list of nonsense is wrong in each of its items, and a failure has to fit in a message of Temporal's. */
const MAX_DETAIL_LENGTH = 2000;

/** The service answered something that is not its API: a proxy's page, cut-off JSON, a missing field. */
export class UnexpectedAnswer extends Error {
  override readonly name = 'UnexpectedAnswer';
  readonly service: Service;
  readonly method: string;
  readonly url: string;
  readonly requestId: string | undefined;

  constructor(call: Call & { detail: string; requestId?: string | undefined; cause?: unknown }) {
    super(
      `The ${call.service} service's answer to ${call.method} ${call.url} makes no sense: ` +
        `${call.detail.slice(0, MAX_DETAIL_LENGTH)}${seeRequest(call.requestId)}`,
      { cause: call.cause },
    );
    this.service = call.service;
    this.method = call.method;
    this.url = call.url;
    this.requestId = call.requestId;
  }
}

/** A mistake in clouds.yaml or the OS_* variables. */
export class CloudConfigError extends Error {
  override readonly name = 'CloudConfigError';
  /** The file, or `the environment`. */
  readonly file: string;
  readonly cloud: string | undefined;
  readonly key: string | undefined;

  constructor(mistake: {
    file: string;
    cloud?: string | undefined;
    key?: string | undefined;
    detail: string;
    cause?: unknown;
  }) {
    const where = [
      mistake.file,
      mistake.cloud === undefined ? undefined : `cloud ${mistake.cloud}`,
      mistake.key,
    ];
    super(`${where.filter((part) => part !== undefined).join(', ')}: ${mistake.detail}`, {
      cause: mistake.cause,
    });
    this.file = mistake.file;
    this.cloud = mistake.cloud;
    this.key = mistake.key;
  }
}

/**
 * True if the service itself says that the thing is not there. A bare 404 of a proxy or of a wrong
 * endpoint does not count: taking it for "gone" would make clean-up believe that its work is done.
 */
export const isNotFound = (error: unknown): boolean =>
  error instanceof OpenStackError && error.status === 404 && error.code !== undefined;

/** The result, or undefined if the service says that the thing is not there. */
export async function unlessNotFound<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

const seeRequest = (requestId: string | undefined): string =>
  requestId === undefined ? '' : ` (request ${requestId})`;
