import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { mayTouch, type Caller } from '../api/caller.js';
import { badRequest, notFound } from '../api/errors.js';
import { intish, stringMap } from '../api/parse.js';
import type { Cloud } from '../cloud.js';
import { invalidInput, invalidSnapshot, snapshotNotFound } from './errors.js';
import { findVolume } from './find-volume.js';
import { mayAddVolume } from './quota-checks.js';
import type { Snapshot, Volume } from './rows.js';

export const createRequest = z.object({
  volume: z.object({
    size: intish
      .pipe(
        z
          .number()
          .min(1, { error: (issue) => `${String(issue.input)} is less than the minimum of 1` }),
      )
      .nullish(),
    name: z.string().max(255).nullish(),
    description: z.string().max(255).nullish(),
    volume_type: z.string().nullish(),
    availability_zone: z.string().nullish(),
    metadata: stringMap.nullish(),
    snapshot_id: z.string().nullish(),
    source_volid: z.string().nullish(),
    imageRef: z.string().nullish(),
  }),
});

type CreateRequest = z.output<typeof createRequest>['volume'];

export function createVolume(cloud: Cloud, caller: Caller, ask: CreateRequest): Volume {
  const snapshot = ask.snapshot_id ? usableSnapshot(cloud, caller, ask.snapshot_id) : undefined;
  const source = ask.source_volid ? findVolume(cloud, caller, ask.source_volid) : undefined;
  const image = ask.imageRef ? usableImage(cloud, ask.imageRef) : undefined;
  // What a volume is copied from decides whether it can be booted from.
  const origin = source ?? (snapshot && cloud.tables.volumes.get(snapshot.volumeId));
  const sizeGib = wantedSize(ask.size ?? undefined, { snapshot, source });
  const type = wantedType(cloud, ask.volume_type ?? undefined);
  const availabilityZone = ask.availability_zone ?? 'nova';
  if (availabilityZone !== 'nova') {
    throw badRequest(`Availability zone '${availabilityZone}' is invalid.`);
  }
  mayAddVolume(cloud, caller.projectId, sizeGib);
  const now = new Date().toISOString();
  const row = cloud.tables.volumes.put({
    id: randomUUID(),
    name: ask.name ?? null,
    description: ask.description ?? null,
    projectId: caller.projectId,
    userId: caller.userId,
    sizeGib,
    status: 'creating',
    volumeTypeId: type.id,
    availabilityZone,
    metadata: ask.metadata ?? {},
    imageMetadata: image
      ? { image_id: image.id, image_name: image.name ?? '', disk_format: image.diskFormat ?? '' }
      : (origin?.imageMetadata ?? null),
    snapshotId: snapshot?.id ?? null,
    sourceVolumeId: source?.id ?? null,
    imageId: image?.id ?? null,
    bootable: image !== undefined || origin?.bootable === true,
    readonly: false,
    createdAt: now,
    updatedAt: now,
  });
  cloud.jobs.schedule('volume.create', row.id);
  return row;
}

function usableSnapshot(cloud: Cloud, caller: Caller, id: string): Snapshot {
  const row = cloud.tables.snapshots.get(id);
  if (!row || !mayTouch(caller, row)) throw snapshotNotFound(id);
  if (row.status !== 'available') {
    throw invalidSnapshot(`Originating snapshot status must be one of 'available' values`);
  }
  return row;
}

function usableImage(cloud: Cloud, reference: string) {
  const image = cloud.tables.images.find(({ id, name }) => [id, name].includes(reference));
  if (!image) throw badRequest('Invalid image identifier or unable to access requested image.');
  if (image.status !== 'active') throw invalidInput(`Image ${image.id} is not active.`);
  return image;
}

function wantedSize(
  size: number | undefined,
  { snapshot, source }: { snapshot?: Snapshot; source?: Volume },
): number {
  const origin = snapshot ?? source;
  const wanted = size ?? origin?.sizeGib;
  if (wanted === undefined) {
    throw invalidInput(
      'Invalid volume size provided for create request: None (size argument must be an integer (or string representation of an integer) and greater than zero).',
    );
  }
  if (origin && wanted < origin.sizeGib) {
    const what = snapshot ? 'snapshot' : 'source volume';
    throw invalidInput(
      `Volume size '${wanted}'GB cannot be smaller than the ${what} size ${origin.sizeGib}GB. They must be >= original ${what} size.`,
    );
  }
  return wanted;
}

function wantedType({ tables }: Cloud, wanted: string | undefined) {
  const type = wanted
    ? tables.volumeTypes.find(({ id, name }) => [id, name].includes(wanted))
    : tables.volumeTypes.find(({ name }) => name === '__DEFAULT__');
  if (!type) throw notFound(`Volume type ${wanted} could not be found.`);
  return type;
}
