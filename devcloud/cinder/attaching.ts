import { randomUUID } from 'node:crypto';
import type { Caller } from '../api/caller.js';
import type { Cloud } from '../cloud.js';
import { invalidVolume } from './errors.js';
import type { Attachment, Volume } from './rows.js';
import { changeVolume, findVolume } from './find-volume.js';

/** The first half of an attachment: from here on nobody else gets the volume. */
export function reserve(
  cloud: Cloud,
  caller: Caller,
  { volumeId, serverId }: { volumeId: string; serverId: string | null },
): Attachment {
  const volume = findVolume(cloud, caller, volumeId);
  if (volume.status.includes('error')) {
    throw invalidVolume(
      `Volume attachments can not be created if the volume is in an error state. The Volume ${volume.id} currently has a status of: ${volume.status} `,
    );
  }
  if (!['available', 'downloading'].includes(volume.status)) {
    throw invalidVolume(
      `Volume ${volume.id} status must be available or downloading to reserve, but the current status is ${volume.status}.`,
    );
  }
  changeVolume(cloud, volumeId, { status: 'reserved' });
  return cloud.tables.attachments.put({
    id: randomUUID(),
    volumeId,
    projectId: volume.projectId,
    serverId,
    status: 'reserved',
    mode: null,
    device: null,
    attachedAt: null,
    connector: null,
  });
}

export function connect(cloud: Cloud, attachment: Attachment, device: string | null): Attachment {
  changeVolume(cloud, attachment.volumeId, { status: 'attaching' });
  return cloud.tables.attachments.put({
    ...attachment,
    status: 'attaching',
    mode: 'rw',
    device: device ?? attachment.device,
    connector: attachment.connector ?? { host: 'devcloud' },
  });
}

/** The second half: the machine has the disk. */
export function complete(cloud: Cloud, id: string): void {
  const attachment = cloud.tables.attachments.get(id);
  if (!attachment) return;
  cloud.tables.attachments.put({
    ...attachment,
    status: 'attached',
    attachedAt: new Date().toISOString(),
  });
  changeVolume(cloud, attachment.volumeId, { status: 'in-use' });
}

/** The old way, in one step. */
export function attach(
  cloud: Cloud,
  volume: Volume,
  { serverId, device }: { serverId: string | null; device: string | null },
): void {
  if (!['available', 'attaching'].includes(volume.status)) {
    throw invalidVolume(`volume ${volume.id} is ${volume.status}, not available`);
  }
  const id = randomUUID();
  cloud.tables.attachments.put({
    id,
    volumeId: volume.id,
    projectId: volume.projectId,
    serverId,
    status: 'attaching',
    mode: 'rw',
    device,
    attachedAt: null,
    connector: null,
  });
  complete(cloud, id);
}

export function beginDetaching(cloud: Cloud, { id, status }: Volume): void {
  if (status !== 'in-use') {
    throw invalidVolume(
      `Unable to detach volume. Volume status must be 'in-use' and attach_status must be 'attached' to detach. Currently: status: '${status}', attach_status: '${status === 'in-use' ? 'attached' : 'detached'}.'`,
    );
  }
  changeVolume(cloud, id, { status: 'detaching' });
}

/** Takes an attachment away, or all of a volume's; what nobody holds is available. */
export function release(cloud: Cloud, volumeId: string, attachmentId?: string): void {
  const { attachments, volumes } = cloud.tables;
  for (const row of attachments.where((one) => one.volumeId === volumeId)) {
    if (!attachmentId || row.id === attachmentId) attachments.delete(row.id);
  }
  const held = attachments.find((row) => row.volumeId === volumeId);
  const status = volumes.get(volumeId)?.status ?? '';
  if (!held && ['reserved', 'attaching', 'in-use', 'detaching'].includes(status)) {
    changeVolume(cloud, volumeId, { status: 'available' });
  }
}
