import type { HostsKind } from '../devcloud/hosts/hosts.js';

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
