import { createHash } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import ssh2 from 'ssh2';
import { z } from 'zod';
import { mustBeAdmin } from '../api/caller.js';
import { badRequest, conflict, forbidden, notFound } from '../api/errors.js';
import { paginate, queryOf } from '../api/lists.js';
import { parseBody } from '../api/parse.js';
import { operation } from '../api/service.js';
import type { Cloud } from '../cloud.js';
import type { Keypair } from './rows.js';

const createRequest = z.object({
  keypair: z.object({
    name: z.string().min(1).max(255),
    public_key: z.string().optional(),
    type: z.enum(['ssh', 'x509']).default('ssh'),
    user_id: z.string().optional(),
  }),
});

interface OnePath {
  Params: { name: string };
}

const summary = (row: Keypair, minor: number) => ({
  name: row.name,
  public_key: row.publicKey,
  fingerprint: row.fingerprint,
  ...(minor >= 2 && { type: row.type }),
});

export function keypairRoutes(app: FastifyInstance, cloud: Cloud): void {
  const { keypairs } = cloud.tables;
  const path = '/os-keypairs';

  app.post(path, operation('keypair.create'), (request, reply) => {
    const { minor } = request;
    const ask = parseBody(createRequest, request.body).keypair;
    const userId = userOf(request, ask.user_id);
    const { publicKey, privateKey } = keyOf(ask.public_key, minor);
    mayCreate(cloud, { userId, projectId: request.caller.projectId, name: ask.name });
    const row = keypairs.put({
      id: `${userId}/${ask.name}`,
      userId,
      name: ask.name,
      type: ask.type,
      publicKey,
      fingerprint: fingerprint(publicKey),
      createdAt: new Date().toISOString(),
    });
    return reply.status(minor >= 2 ? 201 : 200).send({
      keypair: {
        ...summary(row, minor),
        user_id: userId,
        ...(privateKey && { private_key: privateKey }),
      },
    });
  });

  app.get(path, operation('keypair.list'), (request) => {
    const query = queryOf(request);
    const userId = userOf(request, query.get('user_id') ?? undefined);
    const rows = keypairs.where((row) => row.userId === userId);
    const marker = query.get('marker');
    if (marker !== null) query.set('marker', `${userId}/${marker}`);
    const page = request.minor >= 35 ? paginate(rows, query).rows : rows;
    return { keypairs: page.map((row) => ({ keypair: summary(row, request.minor) })) };
  });

  const find = (request: FastifyRequest<OnePath>): Keypair => {
    const userId = userOf(request, queryOf(request).get('user_id') ?? undefined);
    const row = keypairs.get(`${userId}/${request.params.name}`);
    if (!row) throw notFound(`Keypair ${request.params.name} not found for user ${userId}`);
    return row;
  };

  app.get<OnePath>(`${path}/:name`, operation('keypair.show'), (request) => {
    const row = find(request);
    return {
      keypair: {
        ...summary(row, request.minor),
        user_id: row.userId,
        id: keypairs.all().indexOf(row) + 1,
        created_at: row.createdAt.replace('Z', '000'),
        deleted: false,
        deleted_at: null,
        updated_at: null,
      },
    };
  });

  app.delete<OnePath>(`${path}/:name`, operation('keypair.delete'), (request, reply) => {
    keypairs.delete(find(request).id);
    return reply.status(request.minor >= 2 ? 204 : 202).send();
  });
}

function userOf({ caller, minor }: FastifyRequest, wanted: string | undefined): string {
  if (minor < 10 || !wanted || wanted === caller.userId) return caller.userId;
  mustBeAdmin(caller, 'os_compute_api:os-keypairs');
  return wanted;
}

function mayCreate(
  cloud: Cloud,
  { userId, projectId, name }: { userId: string; projectId: string; name: string },
): void {
  if (!/^[\w\-. @]+$/.test(name)) {
    throw badRequest('Keypair data is invalid: Keypair name contains unsafe characters');
  }
  if (cloud.tables.keypairs.get(`${userId}/${name}`)) {
    throw conflict(`Key pair '${name}' already exists.`);
  }
  const used = cloud.tables.keypairs.where((row) => row.userId === userId).length;
  if (cloud.quotas.exceeded('compute', projectId, { resource: 'key_pairs', used, more: 1 })) {
    throw forbidden('Quota exceeded, too many key pairs.');
  }
}

/** Since microversion 2.92 people bring their own keys; before, Nova made one when none was given. */
function keyOf(given: string | undefined, minor: number) {
  if (given === undefined && minor >= 92) {
    throw badRequest(
      "Invalid input for field/attribute keypair. Value: None. 'public_key' is a required property",
    );
  }
  if (given === undefined) {
    const made = ssh2.utils.generateKeyPairSync('rsa', { bits: 2048 });
    const { public: publicKey, private: privateKey } = made;
    return { publicKey, privateKey };
  }
  if (ssh2.utils.parseKey(given) instanceof Error) {
    throw badRequest('Keypair data is invalid: failed to generate fingerprint');
  }
  return { publicKey: given, privateKey: undefined };
}

/** MD5 in pairs, as Nova shows it. */
function fingerprint(publicKey: string): string {
  const [, blob = ''] = publicKey.trim().split(/\s+/);
  const digest = createHash('md5').update(Buffer.from(blob, 'base64')).digest('hex');
  return digest.match(/../g)?.join(':') ?? '';
}
