import { isDeleted } from '../../openstack/compute.js';
import type { OrphanKind } from '../../workflows/sweep-model.js';
import type { Backend } from '../backend.js';
import { backendTag } from '../marks.js';
import type { Marked } from './marked.js';
import { markedPort } from './marked-networks.js';
import { markedKeypair, markedServer } from './marked-servers.js';
import { markedSnapshot, markedVolume } from './marked-storage.js';

/** In the cloud, with one owner. */
export type OwnedKind = Exclude<
  OrphanKind,
  'leftovers' | 'host port' | 'subnet' | 'network' | 'security group'
>;

type Find = (backend: Backend, id: string) => Promise<Marked | 'unmarked' | undefined>;

/** A thing as it is now; undefined when it is gone, `unmarked` when it is the backend's no more. */
export const findMarked: Record<OwnedKind, Find> = {
  volume: findVolume,
  'boot volume': findVolume,
  snapshot: async ({ cloud, name }, id) => {
    const snapshot = await cloud.blockStorage.findSnapshot(id);
    const ours = snapshot?.metadata[backendTag] === name;
    return snapshot && ((ours && markedSnapshot(snapshot)) || 'unmarked');
  },
  server: async (backend, id) => {
    const server = await backend.cloud.compute.findServer(id);
    if (!server || isDeleted(server)) return undefined;
    return markedServer(backend, server) ?? 'unmarked';
  },
  'key pair': async (backend, id) => {
    const keypair = await backend.cloud.compute.findKeypair(id);
    return keypair && (markedKeypair(backend, keypair) ?? 'unmarked');
  },
  port: async (backend, id) => {
    const port = await backend.cloud.network.findPort(id);
    return port && (markedPort(backend, port) ?? 'unmarked');
  },
};

async function findVolume({ cloud, name }: Backend, id: string) {
  const volume = await cloud.blockStorage.findVolume(id);
  const ours = volume?.metadata[backendTag] === name;
  return volume && ((ours && markedVolume(volume)) || 'unmarked');
}
