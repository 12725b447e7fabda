import { readFileSync } from 'node:fs';
import ipaddr from 'ipaddr.js';
import { parseDocument } from 'yaml';
import { z } from 'zod';
import { interfaceConflicts, interfaceOptions } from './interface-options.js';

/** hawser.yaml is not as it should be; `problems` names every mistake with its key. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly file: string;
  readonly problems: string[];

  constructor(file: string, problems: string[]) {
    super([`${file} is not usable:`, ...problems.map((problem) => `  ${problem}`)].join('\n'));
    this.file = file;
    this.problems = problems;
  }
}

const seconds = z.number().int().positive();

const template = z
  .string()
  .regex(/^[A-Za-z0-9._-]*%s[A-Za-z0-9._-]*$/, 'letters, digits, dots, dashes and one %s expected');

const ipv4Prefix = z.string().refine((text) => ipaddr.IPv4.isValidCIDR(text), {
  message: 'an IPv4 prefix expected, such as 10.254.0.0/16',
});

/** Manila's options by Manila's names and with its defaults, then Hawser's own. */
const backendSchema = z
  .strictObject({
    service_image_name: z.string().default('manila-service-image'),
    service_instance_flavor_id: z.union([z.string(), z.number().transform(String)]).default('100'),
    service_instance_name_template: template.default('manila_service_instance_%s'),
    service_instance_user: z.string(),
    service_instance_security_group: z.string().default('manila-service'),
    manila_service_keypair_name: z.string().default('manila-service'),
    path_to_public_key: z.string(),
    path_to_private_key: z.string(),
    service_network_name: z.string().default('manila_service_network'),
    service_network_cidr: ipv4Prefix.default('10.254.0.0/16'),
    service_network_division_mask: z.number().int().min(8).max(30).default(28),
    limit_ssh_access: z.boolean().default(false),
    share_mount_path: z
      .string()
      .regex(/^(\/[A-Za-z0-9._-]+)+$/, 'an absolute path without spaces expected')
      .default('/shares'),
    share_volume_fstype: z.enum(['ext4', 'ext3']).default('ext4'),
    set_zero_reserved_blocks: z.boolean().default(true),
    volume_name_template: template.default('manila-share-%s'),
    cinder_volume_type: z.string().nullable().default(null),
    storage_availability_zone: z.string().nullable().default(null),
    max_time_to_build_instance: seconds.default(300),
    max_time_to_create_volume: seconds.default(180),
    max_time_to_attach: seconds.default(120),
    automatic_share_server_cleanup: z.boolean().default(true),
    /** Minutes, as in Manila. */
    unused_share_server_cleanup_interval: z.number().int().min(1).max(60).default(10),
    /** A server takes 26 volumes; Manila calls its own default -1 and finds out when the 27th fails. */
    max_shares_per_share_server: z.number().int().min(1).max(26).default(26),

    /** The cloud's name in clouds.yaml; without it OS_CLOUD or the OS_* variables count. */
    os_cloud: z.string().optional(),
    os_client_config_file: z.string().optional(),
    ...interfaceOptions,
    /** An HTTP proxy that reaches the service network, when neither a route nor a driver does. */
    ssh_proxy: z.url({ protocol: /^http$/ }).optional(),
  })
  .superRefine((options, context) => {
    if (options.ssh_proxy !== undefined && options.interface_driver !== 'noop') {
      context.addIssue({
        code: 'custom',
        path: ['ssh_proxy'],
        message: `makes no sense with interface_driver ${options.interface_driver}: the host is in the service network itself`,
      });
    }
    const prefix = Number(options.service_network_cidr.split('/')[1]);
    if (options.service_network_division_mask < prefix) {
      context.addIssue({
        code: 'custom',
        path: ['service_network_division_mask'],
        message: `must not be below the prefix of service_network_cidr (${prefix})`,
      });
    }
  });

export type BackendConfig = z.infer<typeof backendSchema> & { name: string };

const fileSchema = z.strictObject({
  defaults: z.record(z.string(), z.unknown()).default({}),
  backends: z.record(
    z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, 'letters, digits, dots and dashes expected'),
    z.record(z.string(), z.unknown()),
  ),
});

/** Reads hawser.yaml: a backend's own options count first, then `defaults`, then Manila's defaults. */
export function loadConfig(file: string): BackendConfig[] {
  const parsed = fileSchema.safeParse(parseYaml(file));
  if (!parsed.success) throw new ConfigError(file, describe(parsed.error, ''));
  const { defaults, backends } = parsed.data;
  const results = Object.entries(backends).map(([name, own]) => {
    const checked = backendSchema.safeParse({ ...defaults, ...own });
    return checked.success
      ? { config: { ...checked.data, name }, problems: [] }
      : { config: undefined, problems: describe(checked.error, `backends.${name}.`) };
  });
  const configs = results.flatMap(({ config }) => (config ? [config] : []));
  const problems = results.flatMap((result) => result.problems);
  problems.push(...interfaceConflicts(configs));
  if (results.length === 0) problems.push('backends: at least one backend expected');
  if (problems.length > 0) throw new ConfigError(file, problems);
  return configs;
}

function parseYaml(file: string): unknown {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigError(file, [`it can't be read: ${reason}`]);
  }
  const document = parseDocument(text);
  if (document.errors.length > 0) {
    throw new ConfigError(
      file,
      document.errors.map(({ message }) => message),
    );
  }
  return document.toJS() ?? {};
}

function describe(error: z.ZodError, prefix: string): string[] {
  return error.issues.flatMap((issue) =>
    issue.code === 'unrecognized_keys'
      ? issue.keys.map((key) => `${prefix}${[...issue.path, key].join('.')}: no such option`)
      : [`${prefix}${issue.path.join('.')}: ${issue.message}`],
  );
}
