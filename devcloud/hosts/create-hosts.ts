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
  /** A private key that opens all servers: commands on VMs can be watched by it, which are hidden in SSH otherwise. */
  sshKeyFile?: string | undefined;
  /**
   * Simulated hosts only: commands have their host's root as their own `/` and need no `HAWSER_ROOT`. Takes root's
   * rights, and volumes must be in the folder that `stateDir` is in.
   */
  rooted?: boolean;
}

export function createHosts({ kind, stateDir, log, kvm, sshKeyFile, rooted }: HostsOptions): Hosts {
  if (kind === 'simulated') return new SimulatedHosts({ stateDir, log, rooted });
  return new QemuHosts({ stateDir, log, kvm: kvm ?? process.env.HAWSER_KVM === '1', sshKeyFile });
}
