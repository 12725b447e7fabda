import { z } from 'zod';
import { createApi } from './api.js';
import * as field from './fields.js';
import type { Query } from './query.js';
import { path } from './query.js';
import type { Requester } from './session.js';

/** From Pike (2017): volumes in use can be extended, snapshots found by metadata (3.22). */
const MICROVERSION = '3.42';

const volumeSchema = z
  .object({
    id: field.id,
    name: z.string().nullish(),
    status: z.string(),
    size: field.whole,
    metadata: z.record(z.string(), z.string()),
    attachments: z.array(
      z.object({
        server_id: field.id.nullish(),
        attachment_id: field.id,
        device: z.string().nullish(),
      }),
    ),
    snapshot_id: field.id.nullish(),
    volume_type: z.string().nullish(),
    availability_zone: z.string().nullish(),
    created_at: field.time,
  })
  .transform((volume) => ({
    id: volume.id,
    name: volume.name ?? '',
    /** `creating`, `available`, `in-use`, `attaching`, `detaching`, `extending`, `error`, `error_deleting`… */
    status: volume.status,
    sizeGib: volume.size,
    metadata: volume.metadata,
    attachments: volume.attachments.map((attachment) => ({
      serverId: attachment.server_id ?? null,
      attachmentId: attachment.attachment_id,
      device: attachment.device ?? null,
    })),
    snapshotId: volume.snapshot_id ?? null,
    volumeType: volume.volume_type ?? null,
    availabilityZone: volume.availability_zone ?? null,
    /** ISO 8601 in UTC, without a zone. */
    createdAt: volume.created_at,
  }));

const snapshotSchema = z
  .object({
    id: field.id,
    name: z.string().nullish(),
    status: z.string(),
    size: field.whole,
    volume_id: field.id,
    metadata: z.record(z.string(), z.string()).nullish(),
    created_at: field.time,
  })
  .transform((snapshot) => ({
    id: snapshot.id,
    name: snapshot.name ?? '',
    /** `creating`, `available`, `deleting`, `error`, `error_deleting`… */
    status: snapshot.status,
    sizeGib: snapshot.size,
    volumeId: snapshot.volume_id,
    metadata: snapshot.metadata ?? {},
    /** ISO 8601 in UTC, without a zone. */
    createdAt: snapshot.created_at,
  }));

const zoneSchema = z
  .object({ zoneName: z.string(), zoneState: z.object({ available: z.boolean() }) })
  .transform(({ zoneName, zoneState }) => ({ name: zoneName, available: zoneState.available }));

const volumeTypeSchema = z.object({ id: field.id, name: z.string() });

const limitsSchema = z
  .object({
    absolute: z.object({
      maxTotalVolumes: field.whole,
      maxTotalVolumeGigabytes: field.whole,
      totalVolumesUsed: field.whole,
      totalGigabytesUsed: field.whole,
    }),
  })
  .transform(({ absolute }) => ({
    /** Null is no limit. */
    maxVolumes: limitOf(absolute.maxTotalVolumes),
    volumesUsed: absolute.totalVolumesUsed,
    /** Null is no limit. */
    maxGib: limitOf(absolute.maxTotalVolumeGigabytes),
    /** Of volumes and, as most clouds are set up, snapshots. */
    gibUsed: absolute.totalGigabytesUsed,
  }));

const limitOf = (limit: number): number | null => (limit < 0 ? null : limit);

export type Volume = z.infer<typeof volumeSchema>;
export type Snapshot = z.infer<typeof snapshotSchema>;
export type AvailabilityZone = z.infer<typeof zoneSchema>;
export type VolumeType = z.infer<typeof volumeTypeSchema>;
export type VolumeLimits = z.infer<typeof limitsSchema>;

export interface NewVolume {
  name: string;
  sizeGib: number;
  metadata: Record<string, string>;
  volumeType?: string | undefined;
  availabilityZone?: string | undefined;
  snapshotId?: string | undefined;
  /** Filled with the image, and bootable. */
  imageId?: string | undefined;
  /** A copy of that volume, bootable if that is. */
  sourceVolumeId?: string | undefined;
}

/** What must hold for a thing to be listed: the exact name, and at least this metadata. */
export interface StorageFilter {
  name?: string | undefined;
  metadata?: Record<string, string> | undefined;
}

export type BlockStorage = ReturnType<typeof createBlockStorage>;

/** Cinder. `find*` may return undefined, `get*` throws, `delete*` of what is gone is success. */
export function createBlockStorage(requester: Requester) {
  const cinder = createApi(requester, 'volume', MICROVERSION);
  const act = async (id: string, action: unknown): Promise<void> =>
    cinder.send('POST', path`/volumes/${id}/action`, { body: action });

  return {
    /** Returns at once, `creating`. NOT safe to repeat: a second call makes a second volume. */
    createVolume: async (volume: NewVolume): Promise<Volume> =>
      cinder.call('POST', '/volumes', 'volume', volumeSchema, {
        body: {
          volume: {
            name: volume.name,
            size: volume.sizeGib,
            metadata: volume.metadata,
            volume_type: volume.volumeType,
            availability_zone: volume.availabilityZone,
            snapshot_id: volume.snapshotId,
            imageRef: volume.imageId,
            source_volid: volume.sourceVolumeId,
          },
        },
      }),

    getVolume: async (id: string): Promise<Volume> =>
      cinder.call('GET', path`/volumes/${id}`, 'volume', volumeSchema),

    findVolume: async (id: string): Promise<Volume | undefined> =>
      cinder.find(path`/volumes/${id}`, 'volume', volumeSchema),

    listVolumes: async (filter: StorageFilter = {}): Promise<Volume[]> =>
      (await cinder.list('/volumes/detail', 'volumes', volumeSchema, filterQuery(filter))).filter(
        fits(filter),
      ),

    /** `metadata` replaces all that is there. */
    updateVolume: async (
      id: string,
      volume: { name?: string; metadata?: Record<string, string> },
    ): Promise<Volume> =>
      cinder.call('PUT', path`/volumes/${id}`, 'volume', volumeSchema, { body: { volume } }),

    /** Returns at once, `extending`; works on a volume in use too. */
    extendVolume: async (id: string, sizeGib: number): Promise<void> =>
      act(id, { 'os-extend': { new_size: sizeGib } }),

    /** Says what a volume's status is, when Cinder is stuck in another one. By default an admin may do so. */
    resetVolumeStatus: async (id: string, status: string): Promise<void> =>
      act(id, { 'os-reset_status': { status } }),

    deleteVolume: async (id: string): Promise<void> => cinder.remove(path`/volumes/${id}`),

    /** Of a volume in use too. NOT safe to repeat: a second call makes a second snapshot. */
    createSnapshot: async (snapshot: {
      volumeId: string;
      name: string;
      metadata: Record<string, string>;
    }): Promise<Snapshot> =>
      cinder.call('POST', '/snapshots', 'snapshot', snapshotSchema, {
        body: {
          snapshot: {
            volume_id: snapshot.volumeId,
            name: snapshot.name,
            metadata: snapshot.metadata,
            force: true,
          },
        },
      }),

    getSnapshot: async (id: string): Promise<Snapshot> =>
      cinder.call('GET', path`/snapshots/${id}`, 'snapshot', snapshotSchema),

    findSnapshot: async (id: string): Promise<Snapshot | undefined> =>
      cinder.find(path`/snapshots/${id}`, 'snapshot', snapshotSchema),

    listSnapshots: async ({
      volumeId,
      ...filter
    }: StorageFilter & { volumeId?: string } = {}): Promise<Snapshot[]> => {
      const query = { ...filterQuery(filter), volume_id: volumeId };
      const snapshots = await cinder.list('/snapshots/detail', 'snapshots', snapshotSchema, query);
      return snapshots
        .filter(fits(filter))
        .filter((snapshot) => volumeId === undefined || snapshot.volumeId === volumeId);
    },

    renameSnapshot: async (id: string, name: string): Promise<Snapshot> =>
      cinder.call('PUT', path`/snapshots/${id}`, 'snapshot', snapshotSchema, {
        body: { snapshot: { name } },
      }),

    /** Replaces all metadata that is there. */
    setSnapshotMetadata: async (id: string, metadata: Record<string, string>): Promise<void> =>
      cinder.send('PUT', path`/snapshots/${id}/metadata`, { body: { metadata } }),

    deleteSnapshot: async (id: string): Promise<void> => cinder.remove(path`/snapshots/${id}`),

    listAvailabilityZones: async (): Promise<AvailabilityZone[]> =>
      cinder.call('GET', '/os-availability-zone', 'availabilityZoneInfo', z.array(zoneSchema)),

    listVolumeTypes: async (): Promise<VolumeType[]> =>
      cinder.list('/types', 'volume_types', volumeTypeSchema),

    /** The project's quota of volumes, and what of it is taken. */
    getLimits: async (): Promise<VolumeLimits> =>
      cinder.call('GET', '/limits', 'limits', limitsSchema),
  };
}

// Cinder reads the filter as a Python dictionary, which JSON's objects of strings are too.
const filterQuery = ({ name, metadata }: StorageFilter): Query => ({
  name,
  metadata: metadata && JSON.stringify(metadata),
});

/** A filter that the service does not know must not widen what a clean-up sees. */
const fits =
  ({ name, metadata = {} }: StorageFilter) =>
  (thing: { name: string; metadata: Record<string, string> }): boolean =>
    (name === undefined || thing.name === name) &&
    Object.entries(metadata).every(([key, value]) => thing.metadata[key] === value);
