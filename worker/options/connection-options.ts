import { z } from 'zod';
import { option, seconds } from './option.js';

/** How workers reach the cloud, and service instances by SSH. */
export const connectionOptions = {
  os_cloud: option(z.string().optional(), {
    meaning: 'the cloud in clouds.yaml',
    own: true,
    defaultInWords: 'OS_CLOUD, else the OS_* variables',
  }),
  os_client_config_file: option(z.string().optional(), {
    meaning: 'which clouds.yaml',
    own: true,
    defaultInWords: 'the usual places',
  }),
  ssh_proxy: option(z.url({ protocol: /^http$/ }).optional(), {
    meaning:
      'an HTTP proxy that reaches the service network, when neither a route nor a driver does',
    own: true,
  }),
  ssh_conn_timeout: option(seconds.default(60), {
    meaning: 'how long a login on a service instance may take, in seconds',
  }),
  ssh_max_pool_conn: option(z.number().int().min(1).default(10), {
    meaning: 'how many scripts run on one service instance at a time; more than 5 count as 5',
  }),
};
