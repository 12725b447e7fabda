import { z } from 'zod';
import { createApi } from './api.js';
import {
  type Flavor,
  type Keypair,
  type NewServer,
  type Server,
  type ServerAction,
  type VolumeAttachment,
  attachmentSchema,
  flavorSchema,
  keypairSchema,
  serverActionSchema,
  serverSchema,
} from './compute-types.js';
import * as field from './fields.js';
import { path } from './query.js';
import type { Requester } from './session.js';

export { isDeleted } from './compute-types.js';
export type {
  Flavor,
  Keypair,
  NewServer,
  Server,
  ServerAction,
  VolumeAttachment,
} from './compute-types.js';

/** The newest of Queens (2018): every cloud in service speaks it, and answers stay the same in newer ones. */
const MICROVERSION = '2.60';

export type Compute = ReturnType<typeof createCompute>;

/** Nova. `find*` may return undefined, `get*` throws, `delete*` of what is gone is success. */
export function createCompute(requester: Requester) {
  const nova = createApi(requester, 'compute', MICROVERSION);
  const act = async (id: string, action: unknown): Promise<void> =>
    nova.send('POST', path`/servers/${id}/action`, { body: action });
  const listFlavors = async (): Promise<Flavor[]> =>
    nova.list('/flavors/detail', 'flavors', flavorSchema);

  return {
    /** Returns at once; the server is built later. NOT safe to repeat: a second call makes a second server. */
    createServer: async (server: NewServer): Promise<{ id: string }> =>
      nova.call('POST', '/servers', 'server', z.object({ id: field.id }), {
        body: { server: serverRequest(server) },
      }),

    getServer: async (id: string): Promise<Server> =>
      nova.call('GET', path`/servers/${id}`, 'server', serverSchema),

    findServer: async (id: string): Promise<Server | undefined> =>
      nova.find(path`/servers/${id}`, 'server', serverSchema),

    listServers: async ({
      name,
      nameContains,
    }: { name?: string | undefined; nameContains?: string | undefined } = {}): Promise<
      Server[]
    > => {
      // Nova takes the name for a regular expression that may match anywhere.
      const pattern =
        name === undefined ? nameContains && escapeRegExp(nameContains) : `^${escapeRegExp(name)}$`;
      const query = pattern === undefined ? {} : { name: pattern };
      const servers = await nova.list('/servers/detail', 'servers', serverSchema, query);
      return servers.filter(
        (server) =>
          (name === undefined || server.name === name) &&
          (nameContains === undefined || server.name.includes(nameContains)),
      );
    },

    /** Merges into what is there. */
    updateServerMetadata: async (id: string, metadata: Record<string, string>): Promise<void> =>
      nova.send('POST', path`/servers/${id}/metadata`, { body: { metadata } }),

    /** Returns at once. Nova may only put it aside for a while: see `isDeleted`. */
    deleteServer: async (id: string): Promise<void> => nova.remove(path`/servers/${id}`),

    /** Returns at once. Ends a server that was deleted and is kept for a while, too. */
    forceDeleteServer: async (id: string): Promise<void> => act(id, { forceDelete: null }),

    rebootServer: async (id: string, type: 'SOFT' | 'HARD'): Promise<void> =>
      act(id, { reboot: { type } }),

    /** What was asked of the server since it was made, newest first; there as soon as the request is accepted. */
    listActions: async (id: string): Promise<ServerAction[]> =>
      nova.call(
        'GET',
        path`/servers/${id}/os-instance-actions`,
        'instanceActions',
        z.array(serverActionSchema),
      ),

    /** The last lines that the server wrote to its serial console. */
    getConsoleLog: async (id: string, lines: number): Promise<string> =>
      nova.call('POST', path`/servers/${id}/action`, 'output', z.string(), {
        body: { 'os-getConsoleOutput': { length: lines } },
      }),

    createKeypair: async (keypair: { name: string; publicKey: string }): Promise<Keypair> =>
      nova.call('POST', '/os-keypairs', 'keypair', keypairSchema, {
        body: { keypair: { name: keypair.name, public_key: keypair.publicKey, type: 'ssh' } },
      }),

    findKeypair: async (name: string): Promise<Keypair | undefined> =>
      nova.find(path`/os-keypairs/${name}`, 'keypair', keypairSchema),

    /** The caller's own: a key pair belongs to a user, not to a project. */
    listKeypairs: async (): Promise<Keypair[]> =>
      (await nova.list('/os-keypairs', 'keypairs', z.object({ keypair: keypairSchema }))).map(
        ({ keypair }) => keypair,
      ),

    deleteKeypair: async (name: string): Promise<void> => nova.remove(path`/os-keypairs/${name}`),

    listFlavors,

    getFlavor: async (id: string): Promise<Flavor> =>
      nova.call('GET', path`/flavors/${id}`, 'flavor', flavorSchema),

    findFlavor: async (idOrName: string): Promise<Flavor | undefined> =>
      (await nova.find(path`/flavors/${idOrName}`, 'flavor', flavorSchema)) ??
      (await listFlavors()).find(({ name }) => name === idOrName),

    /** Returns at once; look at the volume's status. A repeated call answers 400 or 409. */
    attachVolume: async (serverId: string, volumeId: string): Promise<VolumeAttachment> =>
      nova.call(
        'POST',
        path`/servers/${serverId}/os-volume_attachments`,
        'volumeAttachment',
        attachmentSchema,
        { body: { volumeAttachment: { volumeId } } },
      ),

    listAttachments: async (serverId: string): Promise<VolumeAttachment[]> =>
      nova.list(
        path`/servers/${serverId}/os-volume_attachments`,
        'volumeAttachments',
        attachmentSchema,
      ),

    /** Undefined too if the server itself is gone. */
    findAttachment: async (
      serverId: string,
      volumeId: string,
    ): Promise<VolumeAttachment | undefined> =>
      nova.find(
        path`/servers/${serverId}/os-volume_attachments/${volumeId}`,
        'volumeAttachment',
        attachmentSchema,
      ),

    /** Returns at once; the volume is `detaching` for a while. */
    detachVolume: async (serverId: string, volumeId: string): Promise<void> =>
      nova.remove(path`/servers/${serverId}/os-volume_attachments/${volumeId}`),
  };
}

const serverRequest = (server: NewServer): unknown => ({
  name: server.name,
  imageRef: server.imageId,
  block_device_mapping_v2: server.bootVolume && [
    {
      boot_index: 0,
      uuid: server.bootVolume.volumeId,
      source_type: 'volume',
      destination_type: 'volume',
      delete_on_termination: server.bootVolume.deleteOnTermination,
    },
  ],
  flavorRef: server.flavorId,
  networks: server.portIds.map((port) => ({ port })),
  key_name: server.keyName,
  user_data: server.userData && Buffer.from(server.userData, 'utf8').toString('base64'),
  config_drive: server.configDrive,
  metadata: server.metadata,
  availability_zone: server.availabilityZone,
});

const escapeRegExp = (text: string): string =>
  text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
