import type { Cloud } from '../cloud.js';
import type { Fault } from '../faults.js';
import type { ServerSpec } from '../hosts/hosts.js';
import { volumeFile } from '../cinder/volume-files.js';
import { configDriveOf } from './config-drive.js';
import type { Server } from './rows.js';
import { portsOf } from './server-ports.js';

/** A machine on, with its disks; repeating it is harmless. */
export async function powerOn(cloud: Cloud, id: string): Promise<void> {
  const server = cloud.tables.servers.get(id);
  if (!server) return;
  await cloud.plane.settled();
  await cloud.hosts.startServer(specOf(cloud, server));
  for (const { volumeId, attachmentId, bootIndex } of cloud.tables.volumeMappings.where(
    ({ serverId }) => serverId === id,
  )) {
    if (bootIndex === 0) continue;
    if (cloud.tables.attachments.get(attachmentId)?.status !== 'attached') continue;
    await cloud.hosts.attachVolume(id, volumeFile(cloud, volumeId));
  }
}

function specOf(cloud: Cloud, server: Server): ServerSpec {
  const image = cloud.tables.images.get(imageIdOf(cloud, server) ?? '');
  return {
    id: server.id,
    name: server.name,
    ramMib: server.flavor.ramMib,
    vcpus: server.flavor.vcpus,
    rootDiskGib: server.flavor.diskGib,
    imageFile: image?.file ?? '',
    ports: portsOf(cloud, server).map(({ id, macAddress, fixedIps }) => ({
      id,
      macAddress,
      ipAddresses: fixedIps.map(({ ipAddress }) => ipAddress),
    })),
    configDrive: configDriveOf(cloud, server),
  };
}

/** A server that boots from a volume has the image that the volume, or what it was copied from, was made from. */
const imageIdOf = ({ tables }: Cloud, { id, imageId }: Server): string | null | undefined =>
  imageId ??
  tables.volumes.get(
    tables.volumeMappings.find((row) => row.serverId === id && row.bootIndex === 0)?.volumeId ?? '',
  )?.imageMetadata?.['image_id'];

/** What only the machine itself can do wrong, where machines can. */
export async function troubleHost(
  { hosts }: Cloud,
  id: string,
  planned: Fault | undefined,
): Promise<void> {
  const troubles = [
    ...(planned?.sshSilent ? (['ssh-silent'] as const) : []),
    ...(planned?.hostKeyChanged ? (['host-key-changed'] as const) : []),
  ];
  if (troubles.length === 0) return;
  if (!hosts.setFaults)
    throw new Error(`Hosts of kind ${hosts.kind} cannot have ${troubles.join()}`);
  await hosts.setFaults(id, troubles);
}
