import { isDeleted, type Keypair, type Server } from '../../openstack/compute.js';
import type { Backend } from '../backend.js';
import { keypairName } from '../compute.js';
import { eachInEither } from '../lagging-lists.js';
import { backendTag, instanceTag } from '../marks.js';
import { isInstanceOf, utc, type Marked } from './marked.js';

/** Nova's part of what bears the backend's mark: servers, and key pairs, which are known by their names. */
export async function markedServers(backend: Backend): Promise<Marked[]> {
  const { compute } = backend.cloud;
  const servers = await eachInEither(() => compute.listServers());
  const keypairs = await compute.listKeypairs();
  return [
    ...servers.map((server) => markedServer(backend, server)),
    ...keypairs.map((keypair) => markedKeypair(backend, keypair)),
  ].filter((one) => one !== undefined);
}

/** Undefined for another backend's and for those that Nova only remembers. */
export function markedServer(
  { name: backend }: Pick<Backend, 'name'>,
  { id, name, metadata, createdAt, status }: Server,
): Marked | undefined {
  const instanceId = metadata[instanceTag];
  if (instanceId === undefined || metadata[backendTag] !== backend) return undefined;
  if (isDeleted({ status })) return undefined;
  return {
    kind: 'server',
    id,
    name,
    mark: `${instanceTag}=${instanceId}`,
    owner: { type: 'instance', id: instanceId },
    createdAt: utc(createdAt),
    sizeGib: null,
    serverId: id,
    takenOver: false,
  };
}

export function markedKeypair(
  backend: Pick<Backend, 'name' | 'options'>,
  { name, createdAt }: Keypair,
): Marked | undefined {
  const instanceId = name.slice(keypairName(backend, '').length);
  if (name !== keypairName(backend, instanceId) || !isInstanceOf(backend.name, instanceId)) {
    return undefined;
  }
  return {
    kind: 'key pair',
    id: name,
    name,
    mark: name,
    owner: { type: 'instance', id: instanceId },
    createdAt: createdAt === null ? null : utc(createdAt),
    sizeGib: null,
    serverId: null,
    takenOver: false,
  };
}
