import { randomBytes } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { findToken, type Caller } from '../api/caller.js';
import { ApiError } from '../api/errors.js';
import type { Cloud } from '../cloud.js';
import { getSetting } from '../settings.js';
import { secretMatches } from './secrets.js';
import type { ApplicationCredential, Token, User } from './rows.js';

const domain = z.object({ id: z.string(), name: z.string() }).partial();
const userReference = z.object({ id: z.string(), name: z.string(), domain }).partial();

export const authRequest = z.object({
  auth: z.object({
    identity: z.object({
      methods: z.array(z.string()).min(1),
      password: z.object({ user: userReference.extend({ password: z.string() }) }).optional(),
      token: z.object({ id: z.string() }).optional(),
      application_credential: z
        .object({
          id: z.string().optional(),
          name: z.string().optional(),
          secret: z.string(),
          user: userReference.optional(),
        })
        .optional(),
    }),
    scope: z
      .union([
        z.literal('unscoped'),
        z.object({
          project: z.object({ id: z.string(), name: z.string(), domain }).partial().optional(),
          system: z.unknown().optional(),
          domain: domain.optional(),
        }),
      ])
      .optional(),
  }),
});

/** The id of the project in whose name a request is made: who logs in asks for the one that they name. */
export function askingProject({ tables }: Cloud, request: FastifyRequest): string | undefined {
  const caller: Caller | undefined = request.caller;
  if (caller) return caller.projectId;
  const scope = authRequest.safeParse(request.body).data?.auth.scope;
  if (typeof scope !== 'object' || !scope.project) return undefined;
  const { id, name } = scope.project;
  return tables.projects.find((row) => (id ? row.id === id : row.name === name))?.id;
}

type AuthRequest = z.output<typeof authRequest>['auth'];

interface Identity {
  user: User;
  credential?: ApplicationCredential;
  /** The project of the token that this one is made from. */
  projectId?: string | null;
}

const refused = () => new ApiError(401, 'The request you have made requires authentication.');

/** Checks who it is and makes a token for the wished scope; 401 without saying what was wrong. */
export function issueToken(cloud: Cloud, auth: AuthRequest): Token {
  forgetExpired(cloud);
  const identity = identify(cloud, auth.identity);
  if (!identity?.user.enabled) throw refused();
  const projectId = scopeOf(cloud, auth.scope, identity);
  const roles = identity.credential?.roles ?? rolesOn(cloud, identity.user.id, projectId);
  if (projectId !== null && roles.length === 0) throw refused();
  const now = Date.now();
  return cloud.tables.tokens.put({
    id: `gAAAAA${randomBytes(80).toString('base64url')}`,
    userId: identity.user.id,
    projectId,
    roles,
    methods: auth.identity.methods,
    issuedAt: new Date(now).toISOString(),
    expiresAt: new Date(
      now + getSetting(cloud.tables.settings, 'tokenSeconds') * 1000,
    ).toISOString(),
    auditId: randomBytes(16).toString('base64url'),
    ...(identity.credential && { applicationCredentialId: identity.credential.id }),
  });
}

function identify(cloud: Cloud, identity: AuthRequest['identity']): Identity | undefined {
  const { password, token, application_credential: credential } = identity;
  if (identity.methods.includes('application_credential') && credential) {
    return byCredential(cloud, credential);
  }
  if (identity.methods.includes('password') && password) {
    const user = findUser(cloud, password.user);
    return user && secretMatches(password.user.password, user.passwordHash) ? { user } : undefined;
  }
  const former = token && findToken(cloud, token.id);
  const user = former && cloud.tables.users.get(former.userId);
  return user && { user, projectId: former.projectId };
}

function byCredential(
  cloud: Cloud,
  given: NonNullable<AuthRequest['identity']['application_credential']>,
): Identity | undefined {
  const owner = given.user && findUser(cloud, given.user);
  const credential = cloud.tables.applicationCredentials.find((row) =>
    given.id ? row.id === given.id : row.name === given.name && row.userId === owner?.id,
  );
  if (!credential || !secretMatches(given.secret, credential.secretHash)) return undefined;
  if (credential.expiresAt && Date.parse(credential.expiresAt) < Date.now()) return undefined;
  const user = cloud.tables.users.get(credential.userId);
  return user && { user, credential };
}

const findUser = (cloud: Cloud, { id, name }: { id?: string; name?: string }) =>
  cloud.tables.users.find((user) => (id ? user.id === id : user.name === name));

/** An application credential knows its project; others say theirs, or get the user's default. */
function scopeOf(cloud: Cloud, scope: AuthRequest['scope'], identity: Identity): string | null {
  if (identity.credential) return identity.credential.projectId;
  if (scope === undefined) return identity.projectId ?? identity.user.defaultProjectId;
  if (scope === 'unscoped' || !scope.project) return null;
  const { id, name } = scope.project;
  const project = cloud.tables.projects.find((row) => (id ? row.id === id : row.name === name));
  if (!project?.enabled) throw refused();
  return project.id;
}

export function rolesOn(cloud: Cloud, userId: string, projectId: string | null): string[] {
  return cloud.tables.assignments
    .where((row) => row.userId === userId && row.projectId === projectId)
    .map((row) => cloud.tables.roles.get(row.roleId)?.name ?? '');
}

function forgetExpired(cloud: Cloud): void {
  for (const token of cloud.tables.tokens.all()) {
    if (Date.parse(token.expiresAt) < Date.now()) cloud.tables.tokens.delete(token.id);
  }
}
