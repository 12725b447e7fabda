import { z } from 'zod';
import { type Catalog, catalogSchema } from './catalog.js';
import type { CloudConfig, Credentials, Owner } from './cloud-config.js';
import { parseJson, parseRetryAfter, readComplaint } from './error-body.js';
import { AuthenticationFailed, OpenStackError, UnexpectedAnswer } from './errors.js';
import { Secret } from './secret.js';
import { type Answer, type Outgoing, type Transport, where } from './transport.js';

export interface Token {
  value: Secret;
  /** On the clock of `performance.now()`. */
  renewAt: number;
  projectId: string;
  userId: string;
  catalog: Catalog;
}

const RENEW_BEFORE_END_MS = 60_000;

const tokenSchema = z.object({
  token: z.object({
    expires_at: z.iso.datetime(),
    issued_at: z.iso.datetime(),
    user: z.object({ id: z.string() }),
    // It becomes part of a path.
    project: z.object({ id: z.string().regex(/^[\w-]+$/, 'an id expected') }),
    catalog: catalogSchema,
  }),
});

/** Gets a token for the project of the configuration. Safe to repeat. */
export async function logIn(
  transport: Transport,
  config: CloudConfig,
  timeoutMs: number,
): Promise<Token> {
  const outgoing: Outgoing = {
    service: 'identity',
    method: 'POST',
    url: `${config.authUrl}/auth/tokens`,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ auth: authRequest(config.credentials) }),
    timeoutMs,
  };
  const sentAt = performance.now();
  const answer = await transport.exchange(outgoing);
  if (answer.status < 200 || answer.status > 299) throw refusal(config, outgoing, answer);
  return readToken(outgoing, answer, sentAt);
}

function readToken(outgoing: Outgoing, answer: Answer, sentAt: number): Token {
  const complain = (detail: string): UnexpectedAnswer =>
    new UnexpectedAnswer({ ...where(outgoing), detail, requestId: answer.requestId });
  const value = answer.header('x-subject-token');
  if (value === undefined) throw complain('it has no X-Subject-Token');
  const parsed = tokenSchema.safeParse(parseJson(answer.text));
  if (!parsed.success) throw complain(z.prettifyError(parsed.error));
  const { expires_at, issued_at, user, project, catalog } = parsed.data.token;
  // The life as Keystone's own clock counts it: ours may be wrong.
  const lifeMs = Date.parse(expires_at) - Date.parse(issued_at);
  return {
    value: new Secret(value),
    // A token that lives shorter than the margin is used for half of its life.
    renewAt: sentAt + Math.max(lifeMs - RENEW_BEFORE_END_MS, lifeMs / 2),
    projectId: project.id,
    userId: user.id,
    catalog,
  };
}

function refusal(config: CloudConfig, outgoing: Outgoing, answer: Answer): Error {
  const { code, reason, retryAfterMs } = readComplaint(answer.text);
  const { status, requestId } = answer;
  if (status < 500 && status !== 408 && status !== 429) {
    return new AuthenticationFailed({ url: config.authUrl, status, reason, source: config.source });
  }
  return new OpenStackError({
    ...where(outgoing),
    status,
    code,
    reason,
    requestId,
    retryAfterMs: parseRetryAfter(answer.header('retry-after')) ?? retryAfterMs,
  });
}

function authRequest(credentials: Credentials): unknown {
  if (credentials.kind === 'applicationCredential') {
    const { id, name, user, secret } = credentials;
    const who = id === undefined ? { name, user: user && named(user) } : { id };
    return {
      identity: {
        methods: ['application_credential'],
        application_credential: { ...who, secret: secret.reveal() },
      },
    };
  }
  const scope = { project: named(credentials.project) };
  if (credentials.kind === 'token') {
    return { identity: { methods: ['token'], token: { id: credentials.token.reveal() } }, scope };
  }
  const user = { ...named(credentials.user), password: credentials.password.reveal() };
  return { identity: { methods: ['password'], password: { user } }, scope };
}

const named = ({ id, name, domain }: Owner): Owner =>
  id === undefined ? { name, domain } : { id };
