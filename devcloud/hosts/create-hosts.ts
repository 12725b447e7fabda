import type { Logger } from 'pino';
import type { Hosts, HostsKind } from './hosts.js';
import { QemuHosts } from './qemu/qemu-hosts.js';
import { SimulatedHosts } from './simulated/simulated-hosts.js';

export interface HostsOptions {
  kind: HostsKind;
  /** Belongs to the hosts alone; holds private host keys. Volumes must be on the same file system. */
  stateDir: string;
  log: Logger;
  /** Run VMs on the processor itself; on machines where KVM does not work they hang. Default: `HAWSER_KVM=1`. */
  kvm?: boolean;
}

export function createHosts({ kind, stateDir, log, kvm }: HostsOptions): Hosts {
  if (kind === 'simulated') return new SimulatedHosts({ stateDir, log });
  return new QemuHosts({ stateDir, log, kvm: kvm ?? process.env.HAWSER_KVM === '1' });
}
