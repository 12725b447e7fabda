import { z } from 'zod';
import { shareHelpers } from './share-helpers.js';
import { option, optionalText, seconds, template } from './option.js';

const octal = 'octal digits in quotes expected, such as "0770"';

/** Shares and their volumes. */
export const shareOptions = {
  share_mount_path: option(
    z
      .string()
      .regex(/^(\/[A-Za-z0-9._-]+)+$/, 'an absolute path without spaces expected')
      .default('/shares'),
    { meaning: 'the folder on a service instance in which shares are mounted' },
  ),
  share_volume_fstype: option(z.enum(['ext4', 'ext3']).default('ext4'), {
    meaning: 'the file system of new shares: ext4 or ext3',
  }),
  set_zero_reserved_blocks: option(z.boolean().default(true), {
    meaning: 'whether new file systems keep no blocks back for root; otherwise 5 %',
  }),
  share_root_mode: option(
    z
      .string(octal)
      .regex(/^[0-7]{3,4}$/, octal)
      .default('0777'),
    {
      meaning:
        'the permissions of the root of new file systems, in octal; guests of CIFS shares are "nobody"',
      own: true,
    },
  ),
  nfs_root_squash: option(z.boolean().default(false), {
    meaning:
      'whether root on a client is nobody on NFS shares (root_squash); counts for existing shares from the next write of their exports',
    own: true,
  }),
  share_helpers: option(shareHelpers, {
    meaning:
      'who gets access to shares of a protocol, by address or by user: PROTOCOL=CLASS, a list',
    defaultInWords: 'CIFS=CIFSHelperIPAccess, NFS=NFSHelper',
  }),
  volume_name_template: option(template.default('manila-share-%s'), {
    meaning: "the name of a share's volume in Cinder; %s is the share's id",
  }),
  volume_snapshot_name_template: option(template.default('manila-snapshot-%s'), {
    meaning: "the name of a snapshot in Cinder; %s is the snapshot's id",
  }),
  cinder_volume_type: option(optionalText, {
    meaning: "the type of shares' volumes, by name or id; Cinder's default without it",
  }),
  storage_availability_zone: option(optionalText, {
    meaning: "Cinder's availability zone of shares' volumes; Cinder's default without it",
    manilaDefault: 'nova',
  }),
  backend_availability_zone: option(optionalText, {
    meaning: 'counts before storage_availability_zone',
  }),
  max_time_to_create_volume: option(seconds.default(180), {
    meaning: 'how long Cinder may take to create a volume, in seconds of watching it',
  }),
  max_time_to_extend_volume: option(seconds.default(180), {
    meaning: 'how long Cinder may take to extend a volume, in seconds of watching it',
  }),
  max_time_to_attach: option(seconds.default(120), {
    meaning: 'how long a volume may take to be attached or detached, in seconds of watching it',
  }),
  max_time_to_freeze: option(seconds.default(60), {
    meaning:
      "how long a share's clients may be held up while a snapshot of it is taken, in seconds",
    own: true,
  }),
  ensure_shares_interval: option(z.number().int().min(0).max(10_080).default(60), {
    meaning: 'minutes between two looks at all shares, which repair what drifted; 0 for never',
    own: true,
  }),
  sweep_interval: option(z.number().int().min(0).max(10_080).default(1440), {
    meaning:
      'minutes between two looks for what belongs to no share and no service instance; 0 for never',
    own: true,
  }),
  sweep_grace_period: option(z.number().int().min(0).default(3600), {
    meaning: 'how old that has to be for `hawser sweep --delete` to remove it, in seconds',
    own: true,
  }),
};
