import { z } from 'zod';
import { badRequest } from '../api/errors.js';
import { boolish, intish, parseBody, stringMap } from '../api/parse.js';

const network = z.object({
  uuid: z.string().optional(),
  port: z.string().optional(),
  fixed_ip: z.string().optional(),
  tag: z.string().optional(),
});

export const blockDevice = z.object({
  boot_index: z.union([intish, z.null()]).optional(),
  uuid: z.string().nullish(),
  source_type: z.enum(['image', 'volume', 'snapshot', 'blank']),
  destination_type: z.enum(['local', 'volume']).default('volume'),
  volume_size: intish.nullish(),
  delete_on_termination: boolish.default(false),
  volume_type: z.string().nullish(),
  tag: z.string().nullish(),
});

export type BlockDevice = z.output<typeof blockDevice>;

const server = z.object({
  name: z.string().min(1).max(255),
  flavorRef: z.union([z.string(), z.number()]).transform(String),
  imageRef: z.string().optional(),
  networks: z.union([z.array(network), z.enum(['auto', 'none'])]).optional(),
  key_name: z.string().nullish(),
  security_groups: z.array(z.object({ name: z.string().optional() })).optional(),
  user_data: z.base64({ error: 'is not base64' }).nullish(),
  config_drive: boolish.nullish(),
  metadata: stringMap.optional(),
  availability_zone: z.string().nullish(),
  block_device_mapping_v2: z.array(blockDevice).optional(),
  description: z.string().nullish(),
  hostname: z.string().optional(),
  tags: z.array(z.string().max(60)).optional(),
  adminPass: z.string().optional(),
  min_count: intish.optional(),
  max_count: intish.optional(),
});

export type ServerRequest = z.output<typeof server>;

/** What a request to create a server says, as far as its microversion knows the words. */
export function parseServerRequest(body: unknown, minor: number): ServerRequest {
  const ask = parseBody(z.object({ server }), body).server;
  if (ask.networks === undefined && minor >= 37) {
    throw badRequest(
      "Invalid input for field/attribute server. Value: {}. 'networks' is a required property",
    );
  }
  const tooNew = Object.entries({ description: 19, tags: 52, hostname: 90 }).find(
    ([field, since]) => minor < since && ask[field as 'tags'] !== undefined,
  );
  if (tooNew) {
    throw badRequest(
      `Invalid input for field/attribute server. Additional properties are not allowed ('${tooNew[0]}' was unexpected)`,
    );
  }
  return ask;
}
