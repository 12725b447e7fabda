import type { Volume } from '../../openstack/block-storage.js';
import { isDeleted } from '../../openstack/compute.js';
import { unlessNotFound } from '../../openstack/errors.js';
import type { Backend } from '../backend.js';
import { keepBootVolume, keptTag } from '../boot-volumes.js';
import { permanent } from '../failures.js';
import { backendTag, fateTag, instanceTag, shareTag } from '../marks.js';
import type { IsOrphan } from './marked.js';
import { markedVolume } from './marked-storage.js';
import { untilGone } from './remove-storage.js';

/** Deletes a server and waits until it is gone; refuses while somebody's volume is attached. Safe to repeat. */
export async function removeServer(
  backend: Backend,
  id: string,
  isOrphan: IsOrphan,
): Promise<void> {
  const { compute } = backend.cloud;
  await untilGone(backend, `Server ${id}`, 'ServerFailed', async () => {
    const server = await compute.findServer(id);
    if (!server || isDeleted(server)) return undefined;
    if (server.taskState?.endsWith('deleting')) return server.taskState;
    const instanceId = server.metadata[instanceTag] ?? '';
    for (const volume of await bootVolumesUnlessOthers(backend, id, instanceId, isOrphan)) {
      if (volume.metadata[fateTag] === 'false') await keepBootVolume(backend, volume, instanceId);
    }
    await compute.deleteServer(id);
    return server.status;
  });
}

/** Those that a server boots from; it may have no others but orphans. */
async function bootVolumesUnlessOthers(
  { cloud, name }: Backend,
  serverId: string,
  instanceId: string,
  isOrphan: IsOrphan,
): Promise<Volume[]> {
  const own: Volume[] = [];
  const attachments = (await unlessNotFound(cloud.compute.listAttachments(serverId))) ?? [];
  for (const { volumeId } of attachments) {
    const volume = await cloud.blockStorage.findVolume(volumeId);
    if (!volume) continue;
    const { metadata } = volume;
    const ours = metadata[backendTag] === name;
    if (ours && [metadata[instanceTag], metadata[keptTag]].includes(instanceId)) {
      own.push(volume);
      continue;
    }
    const marked = markedVolume(volume);
    if (ours && marked && shareTag in metadata && (await isOrphan(marked))) continue;
    throw permanent(
      'InstanceInUse',
      `Server ${serverId} has volume ${volumeId} attached, which may be somebody's: detach it first`,
    );
  }
  return own;
}
