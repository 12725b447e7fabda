import { z } from 'zod';
import * as field from './fields.js';

export const serverSchema = z
  .object({
    id: field.id,
    name: z.string(),
    status: z.string(),
    'OS-EXT-STS:task_state': z.string().nullish(),
    fault: z.object({ code: field.whole, message: z.string() }).optional(),
    metadata: z.record(z.string(), z.string()),
    created: field.time,
    addresses: z.record(
      z.string(),
      z.array(z.object({ addr: z.string(), 'OS-EXT-IPS-MAC:mac_addr': z.string().optional() })),
    ),
    key_name: z.string().nullish(),
  })
  .transform((server) => ({
    id: server.id,
    name: server.name,
    /** `BUILD`, `ACTIVE`, `ERROR`, `SHUTOFF`, `REBOOT`, `DELETED`… */
    status: server.status,
    /** What is going on: `spawning`, `deleting`… */
    taskState: server['OS-EXT-STS:task_state'] ?? null,
    /** Why it is in ERROR. */
    fault: server.fault,
    metadata: server.metadata,
    /** ISO 8601 */
    createdAt: server.created,
    keyName: server.key_name ?? null,
    addresses: Object.entries(server.addresses).flatMap(([network, list]) =>
      list.map((one) => ({
        network,
        address: one.addr,
        macAddress: one['OS-EXT-IPS-MAC:mac_addr'],
      })),
    ),
  }));

/** Nova's `reclaim_instance_interval` keeps what was deleted for a while, switched off, with its volumes. */
export const isDeleted = ({ status }: Pick<Server, 'status'>): boolean =>
  status === 'DELETED' || status === 'SOFT_DELETED';

export const keypairSchema = z
  .object({
    name: field.segment,
    public_key: z.string(),
    fingerprint: z.string(),
    created_at: field.time.nullish(),
  })
  .transform(({ name, public_key, fingerprint, created_at }) => ({
    name,
    publicKey: public_key,
    fingerprint,
    /** ISO 8601 in UTC, without a zone; null in lists and in the answer to its creation. */
    createdAt: created_at ?? null,
  }));

export const flavorSchema = z
  .object({
    id: field.segment,
    name: z.string(),
    vcpus: field.whole,
    ram: field.whole,
    disk: field.whole,
    'OS-FLV-DISABLED:disabled': z.boolean().optional(),
  })
  .transform((flavor) => ({
    id: flavor.id,
    name: flavor.name,
    vcpus: flavor.vcpus,
    ramMib: flavor.ram,
    diskGib: flavor.disk,
    disabled: flavor['OS-FLV-DISABLED:disabled'] ?? false,
  }));

export const attachmentSchema = z.object({
  serverId: field.id,
  volumeId: field.id,
  /** Nova's guess (`/dev/vdb`), often not what the guest calls it. */
  device: z.string().nullish(),
});

export const serverActionSchema = z
  .object({ action: z.string(), request_id: z.string(), start_time: field.time })
  .transform((one) => ({
    /** `create`, `reboot`, `attach_volume`… */
    action: one.action,
    /** Of the request that began it. */
    requestId: one.request_id,
    /** ISO 8601 in UTC, without a zone. */
    startedAt: one.start_time,
  }));

export type Server = z.infer<typeof serverSchema>;
export type Keypair = z.infer<typeof keypairSchema>;
export type Flavor = z.infer<typeof flavorSchema>;
export type ServerAction = z.infer<typeof serverActionSchema>;
export type VolumeAttachment = z.infer<typeof attachmentSchema>;

export interface NewServer {
  name: string;
  /** Left out, it boots from `bootVolume`. */
  imageId?: string | undefined;
  bootVolume?: { volumeId: string; deleteOnTermination: boolean } | undefined;
  flavorId: string;
  /** Existing ports in the order of the guest's interfaces. Their security groups count: it gets no others. */
  portIds: string[];
  keyName?: string | undefined;
  /** Plain text, as cloud-init reads it. */
  userData?: string | undefined;
  configDrive?: boolean | undefined;
  metadata?: Record<string, string> | undefined;
  availabilityZone?: string | undefined;
}
