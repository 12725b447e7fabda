import { z } from 'zod';
import { option, seconds, template } from './option.js';

/** A server takes 26 volumes; Manila's -1 says "no limit" and finds out when the 27th fails. */
const MOST_VOLUMES = 26;

/** The servers that export shares. */
export const serverOptions = {
  service_image_name: option(z.string().default('manila-service-image'), {
    meaning: 'the image in Glance that service instances boot from',
  }),
  service_instance_flavor_id: option(
    z.union([z.string(), z.number().transform(String)]).default('100'),
    { meaning: 'the flavor of service instances, by id or name' },
  ),
  service_instance_name_template: option(template.default('manila_service_instance_%s'), {
    meaning: "the name of a service instance's server in Nova; %s is the instance's id",
    manilaDefault: '%s',
  }),
  service_instance_user: option(z.string(), {
    meaning: 'whom workers log in as on service instances; may use sudo without a password',
  }),
  service_instance_security_group: option(z.string().default('manila-service'), {
    meaning: 'the security group of service instances',
  }),
  manila_service_keypair_name: option(z.string().default('manila-service'), {
    meaning: "what the names of service instances' key pairs begin with",
  }),
  max_time_to_build_instance: option(seconds.default(300), {
    meaning: 'how long Nova and the booting server may take, each, in seconds of watching it',
  }),
  automatic_share_server_cleanup: option(z.boolean().default(true), {
    meaning: 'whether service instances without shares are deleted after a while',
  }),
  unused_share_server_cleanup_interval: option(z.number().int().min(1).max(720).default(10), {
    meaning: 'after how many minutes without a share; Manila takes 10 at least',
  }),
  max_shares_per_share_server: option(
    z
      .union([
        z.literal(-1).transform(() => MOST_VOLUMES),
        z
          .number({ error: 'a number from 1 to 26 expected, or -1 for as many as fit' })
          .int()
          .min(1)
          .max(MOST_VOLUMES, `a server takes ${MOST_VOLUMES} volumes: 1 to 26, or -1, expected`),
      ])
      .default(MOST_VOLUMES),
    { meaning: 'how many shares a service instance has at most', manilaDefault: -1 },
  ),
  max_share_server_size: option(
    z
      .union([
        z.literal(-1),
        z.number({ error: 'a number of GiB expected, or -1 for no limit' }).int().min(1),
      ])
      .default(-1),
    { meaning: 'how many GiB of shares a service instance takes at most; -1 is no limit' },
  ),
};
