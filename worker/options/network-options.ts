import ipaddr from 'ipaddr.js';
import { z } from 'zod';
import { option } from './option.js';

const ipv4Prefix = z.string().refine((text) => ipaddr.IPv4.isValidCIDR(text), {
  message: 'an IPv4 prefix expected, such as 10.254.0.0/16',
});

/** The service network. */
export const networkOptions = {
  service_network_name: option(z.string().default('manila_service_network'), {
    meaning: 'the network that service instances are on; made when it is not there',
  }),
  service_network_cidr: option(ipv4Prefix.default('10.254.0.0/16'), {
    meaning: "the addresses of the service network, divided among the tenants' networks",
  }),
  service_network_division_mask: option(z.number().int().min(8).max(30).default(28), {
    meaning: "the prefix length of each tenant's part: 28 gives room for ten service instances",
  }),
  service_network_host: option(z.string().min(1).optional(), {
    meaning: "counts before `host` as this host's name",
  }),
};
