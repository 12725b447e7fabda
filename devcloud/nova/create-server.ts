import { randomBytes, randomUUID } from 'node:crypto';
import { mayTouch, type Caller } from '../api/caller.js';
import { badRequest, conflict } from '../api/errors.js';
import type { Cloud } from '../cloud.js';
import type { Image } from '../glance/rows.js';
import { checkQuotas } from './quotas.js';
import { portsMustFit, wantedNetworks } from './requested-networks.js';
import type { Flavor, Server } from './rows.js';
import type { BlockDevice, ServerRequest } from './server-request.js';

/** Checks all that can be known at once, and leaves the rest to the build. */
export function createServer(cloud: Cloud, caller: Caller, ask: ServerRequest): Server {
  const flavor = wantedFlavor(cloud, ask.flavorRef);
  const imageId = wantedImage(cloud, caller, ask, flavor);
  const key = wantedKey(cloud, caller, ask.key_name ?? null);
  const zone = ask.availability_zone ?? 'nova';
  if (zone.split(':')[0] !== 'nova')
    throw badRequest('The requested availability zone is not available');
  const groups = wantedGroups(cloud, caller, ask);
  const networks = wantedNetworks(cloud, caller, ask);
  checkQuotas(cloud, caller.projectId, flavor);
  portsMustFit(cloud, caller.projectId, networks);
  const now = new Date().toISOString();
  const server = cloud.tables.servers.put({
    id: randomUUID(),
    name: ask.name,
    description: ask.description ?? null,
    hostname: ask.hostname ?? hostnameOf(ask.name),
    projectId: caller.projectId,
    userId: caller.userId,
    flavor,
    imageId,
    keyName: key?.name ?? null,
    publicKey: key?.publicKey ?? null,
    // There is no metadata service here: as on clouds with force_config_drive, the drive is always there.
    configDrive: true,
    userData: ask.user_data ?? null,
    metadata: ask.metadata ?? {},
    tags: ask.tags ?? [],
    securityGroups: groups,
    requestedNetworks: networks,
    portIds: [],
    keptPortIds: networks.flatMap(({ portId }) => portId ?? []),
    availabilityZone: 'nova',
    vmState: 'building',
    taskState: 'scheduling',
    powerState: 0,
    progress: 0,
    fault: null,
    locked: false,
    createdAt: now,
    updatedAt: now,
    launchedAt: null,
    reservationId: `r-${randomBytes(4).toString('hex')}`,
    blockDevices: wantedVolumes(cloud, caller, ask),
    volumeIds: [],
  });
  cloud.jobs.schedule('server.schedule', server.id, { transition: 'server.create', share: 0.2 });
  return server;
}

/** Devices that are volumes; a local one is the machine's own disk. */
function wantedVolumes(cloud: Cloud, caller: Caller, ask: ServerRequest): BlockDevice[] {
  const devices = ask.block_device_mapping_v2 ?? [];
  for (const { source_type: source, uuid, boot_index: order } of devices) {
    if (source !== 'volume') continue;
    const volume = cloud.tables.volumes.get(uuid ?? '');
    if (!volume || !mayTouch(caller, volume)) {
      throw badRequest(`Block Device Mapping is Invalid: failed to get volume ${uuid}.`);
    }
    if (volume.status !== 'available') {
      throw badRequest(
        `Invalid volume: Volume ${uuid} status must be available or downloading to reserve, but the current status is ${volume.status}.`,
      );
    }
    if (order === 0 && !volume.bootable) throw badRequest(`Block Device ${uuid} is not bootable.`);
  }
  return devices.filter((device) => device.destination_type === 'volume');
}

function wantedFlavor({ tables }: Cloud, id: string): Flavor {
  const flavor = tables.flavors.get(id.split('/').at(-1) ?? '');
  if (!flavor) throw badRequest(`Flavor ${id} could not be found.`);
  return flavor;
}

function wantedImage(
  cloud: Cloud,
  caller: Caller,
  ask: ServerRequest,
  flavor: Flavor,
): string | null {
  const root = ask.block_device_mapping_v2?.find((device) => device.boot_index === 0);
  const reference = ask.imageRef || (root?.source_type === 'image' ? root.uuid : undefined);
  if (!reference) {
    if (root) return null;
    throw badRequest(
      'Block Device Mapping is Invalid: Boot sequence for the instance and image/block device mapping combination is not valid.',
    );
  }
  const image = cloud.tables.images.get(reference.split('/').at(-1) ?? '');
  if (!image || !maySee(caller, image)) throw badRequest('Can not find requested image');
  if (image.status !== 'active') throw badRequest(`Image ${image.id} is not active.`);
  if (root?.destination_type !== 'volume') mustFit(flavor, image);
  return image.id;
}

const maySee = (caller: Caller, image: Image): boolean =>
  caller.isAdmin || image.visibility === 'public' || image.owner === caller.projectId;

function mustFit(flavor: Flavor, image: Image): void {
  const gib = 1024 ** 3;
  if (flavor.ramMib < image.minRam) {
    throw badRequest("Flavor's memory is too small for requested image.");
  }
  if (flavor.diskGib > 0 && flavor.diskGib < image.minDisk) {
    throw badRequest(
      `Flavor's disk is smaller than the minimum size specified in image metadata. Flavor disk is ${flavor.diskGib * gib} bytes, minimum size is ${image.minDisk * gib} bytes.`,
    );
  }
}

function wantedKey(cloud: Cloud, caller: Caller, name: string | null) {
  if (name === null) return undefined;
  const key = cloud.tables.keypairs.get(`${caller.userId}/${name}`);
  if (!key) throw badRequest('Invalid key_name provided.');
  return key;
}

/** Groups are named by name or id; two of one name are ambiguous. */
function wantedGroups(cloud: Cloud, caller: Caller, ask: ServerRequest): string[] {
  const wanted = ask.security_groups?.flatMap(({ name }) => name ?? []) ?? ['default'];
  const own = cloud.tables.securityGroups.where(({ projectId }) => projectId === caller.projectId);
  for (const reference of wanted) {
    if (reference === 'default') continue;
    const found = own.filter(({ id, name }) => [id, name].includes(reference));
    if (found.length === 0) throw badRequest(`Security group ${reference} not found.`);
    if (found.length > 1) {
      throw conflict(
        `Multiple security_group matches found for name '${reference}', use an ID to be more specific.`,
      );
    }
  }
  return [...new Set(wanted)];
}

const hostnameOf = (name: string): string =>
  name
    .toLowerCase()
    .replaceAll(/[^a-z0-9-]+/g, '-')
    .replaceAll(/^-+|-+$/g, '')
    .slice(0, 63);
