import { z } from 'zod';
import { readPublicKey } from '../../ssh/host-key.js';
import { option } from './option.js';

const publicKeyLine = z.string().refine(isPublicKey, {
  message:
    'a public host key expected, such as "ssh-ed25519 AAAA…" (the server has it in /etc/ssh/ssh_host_ed25519_key.pub)',
});

/** One server that is there already, for all shares of a backend: Manila's options, and the key it must prove. */
export const commonServerOptions = {
  driver_handles_share_servers: option(z.boolean().default(true), {
    meaning: 'whether service instances are made for share networks; if not, one server serves all',
    manilaDefault: null,
  }),
  service_instance_name_or_id: option(z.string().min(1).optional(), {
    meaning: "the one server's name or id in Nova",
  }),
  service_net_name_or_ip: option(z.string().min(1).optional(), {
    meaning: 'where the one server answers SSH: a network of its, or an address',
  }),
  tenant_net_name_or_ip: option(z.string().min(1).optional(), {
    meaning: 'where clients mount from the one server: a network of its, or an address',
  }),
  service_instance_host_key: option(publicKeyLine.optional(), {
    meaning: "the one server's public host key; one that Hawser booted carries its own",
    own: true,
  }),
};

const wanted = [
  ['service_instance_name_or_id', "the server's name or id in Nova"],
  ['service_net_name_or_ip', 'where it answers SSH, a network of its or an address'],
  ['tenant_net_name_or_ip', 'where clients mount from, a network of its or an address'],
] as const;

/** What they ask for happens to servers that Hawser makes, and to no other. */
const forOwnServers = [
  'connect_share_server_to_tenant_network',
  'admin_network_id',
  'admin_subnet_id',
  'service_instance_boot_from_volume',
  'delete_share_server_with_last_share',
];

/**
 * What makes no sense together, each with its key. `all` are a backend's options before they are checked; of
 * `own`, those that it does not share with others, also what would have no effect is a mistake.
 */
export function commonServerProblems(
  backend: string,
  all: Record<string, unknown>,
  own: Record<string, unknown>,
): string[] {
  const key = (name: string) => `backends.${backend}.${name}`;
  if (all['driver_handles_share_servers'] === false) {
    return [
      ...wanted
        .filter(([name]) => all[name] === undefined)
        .map(
          ([name, what]) =>
            `${key(name)}: needed with driver_handles_share_servers: false (${what})`,
        ),
      ...forOwnServers
        .filter((name) => own[name])
        .map(
          (name) =>
            `${key(name)}: makes no sense with driver_handles_share_servers: false, which leaves the server as it is`,
        ),
    ];
  }
  return Object.keys(commonServerOptions)
    .filter((name) => name !== 'driver_handles_share_servers' && own[name] !== undefined)
    .map((name) => `${key(name)}: makes no sense without driver_handles_share_servers: false`);
}

function isPublicKey(line: string): boolean {
  try {
    readPublicKey(line);
    return true;
  } catch {
    return false;
  }
}
