import { isDeleted } from '../../openstack/compute.js';
import { unlessNotFound } from '../../openstack/errors.js';
import type { Backend } from '../backend.js';
import { permanent } from '../failures.js';
import { shareTag } from '../marks.js';
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
    await refuseWithVolumes(backend, id, isOrphan);
    await compute.deleteServer(id);
    return server.status;
  });
}

async function refuseWithVolumes(
  { cloud }: Backend,
  serverId: string,
  isOrphan: IsOrphan,
): Promise<void> {
  const attachments = (await unlessNotFound(cloud.compute.listAttachments(serverId))) ?? [];
  for (const { volumeId } of attachments) {
    const volume = await cloud.blockStorage.findVolume(volumeId);
    const marked = volume && markedVolume(volume);
    const nobodys = marked && (!(shareTag in volume.metadata) || (await isOrphan(marked)));
    if (!volume || nobodys) continue;
    throw permanent(
      'InstanceInUse',
      `Server ${serverId} has volume ${volumeId} attached, which belongs to somebody: detach it first`,
    );
  }
}
