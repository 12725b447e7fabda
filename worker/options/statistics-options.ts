import { z } from 'zod';
import { option, optionalText } from './option.js';

const percentage = z.number().int().min(0).max(100).default(0);

/** What `hawser backend show` says, as Manila's scheduler wants it. */
export const statisticsOptions = {
  share_backend_name: option(optionalText, {
    meaning: "the backend's name in its statistics",
    defaultInWords: "the backend's own name",
  }),
  reserved_share_percentage: option(percentage, {
    meaning: 'how much of the capacity the statistics call reserved, in percent',
  }),
  reserved_share_from_snapshot_percentage: option(percentage, {
    meaning: 'the same for shares from snapshots; 0 stands for reserved_share_percentage',
  }),
  reserved_share_extend_percentage: option(percentage, {
    meaning: 'the same for shares that grow; 0 stands for reserved_share_percentage',
  }),
  max_over_subscription_ratio: option(z.number().min(1).default(20), {
    meaning: 'how much may be provisioned for each GiB there is, in the statistics',
  }),
};
