import type { HostsKind } from '../devcloud/hosts/hosts.js';
import { loadCloudConfig } from '../openstack/cloud-config.js';
import { connectCloud, type Cloud } from '../openstack/index.js';

/** A cloud of the environment's own. */
export interface EmbeddedCloud {
  hosts: HostsKind;
  /** More arguments, for instance its latencies. */
  arguments?: string[];
}

/** An OpenStack that is there, and stays. */
export interface ExistingCloud {
  /** Names the clouds `hawser` (the operator) and `demo` (a tenant). */
  cloudsYaml: string;
  /** Options of hawser.yaml by which workers reach its service instances. */
  backend: Record<string, unknown>;
}

export const isEmbedded = (cloud: EmbeddedCloud | ExistingCloud): cloud is EmbeddedCloud =>
  'hosts' in cloud;

/** A cloud of that clouds.yaml, by its name there. Speaks to nobody yet. */
export const openCloud = (cloudsYaml: string, name: string): Cloud =>
  connectCloud(loadCloudConfig({ cloud: name, env: { OS_CLIENT_CONFIG_FILE: cloudsYaml } }));
