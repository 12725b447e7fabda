import { z } from 'zod';
import { option, optionalText } from './option.js';

const number = z.number().int();

/** Options that Manila's generic driver or its manager reads and that make no difference here. */
export const optionsWithoutEffect = {
  share_driver: option(optionalText, {
    meaning: "Manila's class of the driver",
    noEffect: 'there is one driver, the generic one',
    manilaDefault: 'manila.share.drivers.generic.GenericShareDriver',
  }),
  smb_template_config_path: option(optionalText, {
    meaning: "Manila's template of smb.conf",
    noEffect: "CIFS shares live in Samba's registry; nothing reads a template",
    manilaDefault: '$state_path/smb.conf',
  }),
  service_instance_smb_config_path: option(optionalText, {
    meaning: 'smb.conf on the service instance',
    noEffect: "CIFS shares live in Samba's registry, wherever smb.conf is",
    manilaDefault: '$share_mount_path/smb.conf',
  }),
  ssh_min_pool_conn: option(number.nullable().default(null), {
    meaning: 'how many SSH connections are kept',
    noEffect: 'a connection is made when it is needed, and one carries several scripts',
    manilaDefault: 1,
  }),
  num_shell_tries: option(number.nullable().default(null), {
    meaning: 'how often a local command is tried',
    noEffect: 'Temporal repeats steps, until they succeed or would never',
    manilaDefault: 3,
  }),
  unmanage_remove_access_rules: option(z.boolean().nullable().default(null), {
    meaning: 'whether a share that is no longer managed loses its rules',
    noEffect: 'an unmanaged share stays in service as it is',
    manilaDefault: false,
  }),
  hook_drivers: option(
    z
      .union([z.array(z.string()), z.string()])
      .nullable()
      .default(null),
    {
      meaning: 'classes that are called before and after each operation',
      noEffect: "there are no hooks; what happens is in Temporal's histories",
    },
  ),
  network_config_group: option(optionalText, {
    meaning: 'the section of network options',
    noEffect: 'options of networks are the backend’s own',
  }),
  admin_network_config_group: option(optionalText, {
    meaning: 'the section of options of the admin network',
    noEffect: 'options of networks are the backend’s own',
  }),
  protocol_access_mapping: option(z.unknown().default(null), {
    meaning: 'which protocols know rules by address, which by user',
    noEffect: 'NFS takes addresses; for CIFS share_helpers decides',
    manilaDefault: 'ip: nfs, user: cifs',
  }),
  migration_ignore_files: option(
    z
      .union([z.array(z.string()), z.string()])
      .nullable()
      .default(null),
    {
      meaning: 'files that a migration leaves behind',
      noEffect: 'shares are not migrated',
      manilaDefault: 'lost+found',
    },
  ),
  share_mount_template: option(optionalText, {
    meaning: "how Manila's data service mounts a share",
    noEffect: 'there is no data service',
    manilaDefault: 'mount -vt %(proto)s %(options)s %(export)s %(path)s',
  }),
  share_unmount_template: option(optionalText, {
    meaning: "how Manila's data service unmounts a share",
    noEffect: 'there is no data service',
    manilaDefault: 'umount -v %(path)s',
  }),
  replication_domain: option(optionalText, {
    meaning: 'which backends replicate to each other',
    noEffect: 'the generic driver does not replicate shares',
  }),
  filter_function: option(optionalText, {
    meaning: "which hosts Manila's scheduler considers",
    noEffect: 'there is no scheduler: who creates a share names the backend',
  }),
  goodness_function: option(optionalText, {
    meaning: "which hosts Manila's scheduler prefers",
    noEffect: 'there is no scheduler: who creates a share names the backend',
  }),
};
