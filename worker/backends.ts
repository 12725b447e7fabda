import { readFileSync } from 'node:fs';
import type { Backend } from '../activities/backend.js';
import { openHostInterface } from '../host-interface/index.js';
import { loadCloudConfig } from '../openstack/cloud-config.js';
import { connectCloud, type Cloud } from '../openstack/index.js';
import { SshPool } from '../ssh/pool.js';
import { ConfigError, type BackendConfig } from './config.js';

/** OpenSSH's own limit is ten, and it counts a session for a while after its end. */
const MOST_SESSIONS = 5;

/** The cloud of a backend. Speaks to nobody yet. Throws `CloudConfigError`. */
export function openCloudOf(config: BackendConfig): Cloud {
  const env = { ...process.env };
  if (config.os_client_config_file) env['OS_CLIENT_CONFIG_FILE'] = config.os_client_config_file;
  return connectCloud(loadCloudConfig({ cloud: config.os_cloud, env }));
}

/** Builds the clients of one backend. Speaks to nobody yet. */
export function openBackend(
  config: BackendConfig,
  file: string,
  cloud = openCloudOf(config),
): Backend {
  const { service_instance_password: password, ...options } = config;
  const key = (option: 'path_to_private_key' | 'path_to_public_key') => {
    const path = options[option];
    // Without the private half the other opens nothing.
    if (options.path_to_private_key === undefined || path === undefined) return undefined;
    try {
      return readFileSync(path, 'utf8');
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new ConfigError(file, [`backends.${config.name}.${option}: ${reason}`]);
    }
  };
  const hostInterface = openHostInterface(config, cloud);
  return {
    name: config.name,
    options,
    cloud,
    hostInterface,
    ssh: new SshPool({
      user: config.service_instance_user,
      privateKey: key('path_to_private_key'),
      password: password?.reveal(),
      proxy: config.ssh_proxy,
      connectTimeoutMs: config.ssh_conn_timeout * 1000,
      maxSessionsPerConnection: Math.min(config.ssh_max_pool_conn, MOST_SESSIONS),
      beforeConnect: (address) => hostInterface.reach(address),
    }),
    // A server that was there before has its key already.
    publicKey: config.driver_handles_share_servers
      ? (key('path_to_public_key')?.trim() ?? null)
      : null,
  };
}

/** Ends all its connections. */
export async function closeBackend({ ssh, hostInterface, cloud }: Backend): Promise<void> {
  ssh.close();
  hostInterface.close();
  await cloud.session.close();
}
