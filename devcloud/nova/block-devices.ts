import { randomUUID } from 'node:crypto';
import type { Caller } from '../api/caller.js';
import { complete, connect, reserve } from '../cinder/attaching.js';
import { createVolume } from '../cinder/create-volume.js';
import type { Cloud } from '../cloud.js';
import { nextDevice } from './devices.js';
import type { Server } from './rows.js';
import type { BlockDevice } from './server-request.js';

/**
 * Makes the volumes that a server was asked to have, and gives them to it; false while they are not ready.
 * A root volume is the server's in every API, but what the machine boots is an overlay of its image.
 */
export function bindVolumes(cloud: Cloud, server: Server): boolean {
  const caller: Caller = {
    userId: server.userId,
    projectId: server.projectId,
    isAdmin: true,
    roles: [],
    tokenId: '',
  };
  const volumeIds = server.blockDevices.map(
    (device, index) => server.volumeIds[index] ?? volumeFor(cloud, caller, device),
  );
  cloud.tables.servers.update(server.id, { volumeIds });
  const mapped = (id: string) => cloud.tables.volumeMappings.get(`${server.id}/${id}`);
  const waiting = volumeIds.filter((id) => !mapped(id) && !ready(cloud, id));
  if (waiting.length > 0) return false;
  for (const [index, device] of server.blockDevices.entries()) {
    const volumeId = volumeIds[index] ?? '';
    if (!mapped(volumeId)) map(cloud, caller, server, { volumeId, device });
  }
  return true;
}

function volumeFor(cloud: Cloud, caller: Caller, device: BlockDevice): string {
  if (device.source_type === 'volume') return device.uuid ?? '';
  return createVolume(cloud, caller, {
    size: device.volume_size,
    volume_type: device.volume_type,
    imageRef: device.source_type === 'image' ? device.uuid : undefined,
    snapshot_id: device.source_type === 'snapshot' ? device.uuid : undefined,
    name: '',
  }).id;
}

function ready({ tables }: Cloud, id: string): boolean {
  const status = tables.volumes.get(id)?.status;
  if (status === 'creating') return false;
  if (status === 'available') return true;
  throw new Error(
    `Volume ${id} did not finish being created. And its status is ${status ?? 'deleted'}.`,
  );
}

function map(
  cloud: Cloud,
  caller: Caller,
  server: Server,
  { volumeId, device }: { volumeId: string; device: BlockDevice },
): void {
  const name = device.boot_index === 0 ? '/dev/vda' : nextDevice(cloud, server.id);
  const attachment = reserve(cloud, caller, { volumeId, serverId: server.id });
  complete(cloud, connect(cloud, attachment, name).id);
  cloud.tables.volumeMappings.put({
    id: `${server.id}/${volumeId}`,
    uuid: randomUUID(),
    serverId: server.id,
    volumeId,
    attachmentId: attachment.id,
    device: name,
    tag: device.tag ?? null,
    deleteOnTermination: device.delete_on_termination,
    bootIndex: device.boot_index ?? null,
  });
}
