import { homedir } from 'node:os';
import { join } from 'node:path';
import ipaddr from 'ipaddr.js';
import { z } from 'zod';
import { Secret } from '../../openstack/secret.js';
import { option, optionalText, template } from './option.js';

/** `~` is the home directory of whoever runs the worker, as in a shell. */
const path = z
  .string()
  .min(1)
  .transform((text) => text.replace(/^~(?=\/|$)/, homedir()));

const id = z.string().min(1).nullable().default(null);

const prefix = z.string().refine((text) => ipaddr.isValidCIDR(text), {
  message: 'an IPv4 or IPv6 prefix expected, such as 192.0.2.0/24',
});

/** How workers log in to service instances. */
export const loginOptions = {
  path_to_private_key: option(path.optional(), {
    meaning: 'the file of the private key that workers log in with; no passphrase',
  }),
  path_to_public_key: option(
    path.default(() => join(homedir(), '.ssh/id_rsa.pub')),
    {
      meaning: 'the file of the public key that service instances let in',
      defaultInWords: '~/.ssh/id_rsa.pub',
    },
  ),
  service_instance_password: option(
    z
      .string()
      .min(1)
      .transform((text) => new Secret(text))
      .optional(),
    { meaning: 'the password that workers log in with, instead of a key', secret: true },
  ),
  limit_ssh_access: option(z.boolean().default(false), {
    meaning: 'whether SSH on service instances is open to the service network only',
  }),
  ssh_allowed_from: option(z.array(prefix).default([]), {
    meaning: 'from where else SSH is let in with limit_ssh_access, as prefixes',
    own: true,
  }),
};

/** Where networks and disks of service instances come from. */
export const layoutOptions = {
  connect_share_server_to_tenant_network: option(z.boolean().default(false), {
    meaning: "whether a service instance has a port in its tenant's own network",
  }),
  admin_network_id: option(id, { meaning: 'a network for administrators, by id' }),
  admin_subnet_id: option(id, { meaning: 'its subnet, by id' }),
  service_instance_boot_from_volume: option(z.boolean().default(false), {
    meaning: 'whether service instances boot from a volume',
  }),
  service_instance_boot_volume_size: option(z.number().int().min(1).default(10), {
    meaning: 'the size of that volume, in GiB',
  }),
  service_instance_boot_volume_type: option(optionalText, {
    meaning: "the boot volume's type in Cinder",
  }),
  service_instance_base_boot_volume_id: option(id, {
    meaning: 'the volume that boot volumes are clones of; without it they are made from the image',
  }),
  service_instance_boot_volume_delete_on_termination: option(z.boolean().default(true), {
    meaning: 'whether the boot volume goes with its service instance',
  }),
  service_instance_boot_volume_name_template: option(template.default('manila-share-%s-boot'), {
    meaning: "the boot volume's name in Cinder; %s is the service instance's id",
  }),
  delete_share_server_with_last_share: option(z.boolean().default(false), {
    meaning: 'whether a service instance is deleted at once with its last share',
  }),
};

type InstanceOptions = z.output<z.ZodObject<typeof loginOptions & typeof layoutOptions>>;

/** What of a backend's options makes no sense together, by the option that has to change. */
export function instanceProblems(
  options: InstanceOptions & { interface_driver: string },
): { option: keyof InstanceOptions; message: string }[] {
  const problems: { option: keyof InstanceOptions; message: string }[] = [];
  const { admin_network_id: network, admin_subnet_id: subnet } = options;
  if (network !== null && subnet === null) {
    problems.push({ option: 'admin_subnet_id', message: 'needed with admin_network_id' });
  }
  if (subnet !== null && network === null) {
    problems.push({ option: 'admin_network_id', message: 'needed with admin_subnet_id' });
  }
  if (
    options.path_to_private_key === undefined &&
    options.service_instance_password === undefined
  ) {
    problems.push({
      option: 'path_to_private_key',
      message: 'needed to log in to service instances, unless there is a service_instance_password',
    });
  }
  if (lockedOut(options)) {
    problems.push({
      option: 'ssh_allowed_from',
      message:
        'needed with limit_ssh_access and interface_driver noop: name the prefixes that this host connects from, ' +
        'which is not in the service network',
    });
  }
  return problems;
}

/** A host with a port of its own is in the service network; one that is routed there comes from elsewhere. */
const lockedOut = (options: InstanceOptions & { interface_driver: string }): boolean =>
  options.limit_ssh_access &&
  options.interface_driver === 'noop' &&
  options.admin_network_id === null &&
  options.ssh_allowed_from.length === 0;

interface Grouped {
  name: string;
  os_cloud?: string | undefined;
  os_client_config_file?: string | undefined;
  service_instance_security_group: string;
  limit_ssh_access: boolean;
}

/** Two backends that share a security group must agree on its rules. */
export function groupConflicts(backends: Grouped[]): string[] {
  return backends.flatMap((one, at) =>
    backends
      .slice(0, at)
      .filter(
        (other) =>
          groupOf(one) === groupOf(other) && one.limit_ssh_access !== other.limit_ssh_access,
      )
      .map(
        (other) =>
          `backends.${one.name}.limit_ssh_access: differs from that of ${other.name}, which has the same security ` +
          `group; give one of them another service_instance_security_group`,
      ),
  );
}

const groupOf = (one: Grouped): string =>
  JSON.stringify([one.os_client_config_file, one.os_cloud, one.service_instance_security_group]);
