import type { Logger } from 'pino';
import type { Hosts, HostsKind } from './hosts.js';
import { SimulatedHosts } from './simulated/simulated-hosts.js';

export interface HostsOptions {
  kind: HostsKind;
  /** Belongs to the hosts alone; holds private host keys. Volumes must be on the same file system. */
  stateDir: string;
  log: Logger;
}

export function createHosts({ kind, stateDir, log }: HostsOptions): Hosts {
  if (kind === 'simulated') return new SimulatedHosts({ stateDir, log });
  throw new Error(`Hosts of kind ${kind} are not built yet`);
}
