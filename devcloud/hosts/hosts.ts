/**
 * The machines and wires under the embedded cloud's APIs. Two kinds exist: real VMs in QEMU with real
 * networks, and simulated hosts. Every method may be repeated: it makes true what it says, or leaves it so.
 */
import type { Duplex } from 'node:stream';
import type { Strike } from '../faults.js';

export type HostsKind = 'qemu' | 'simulated';

/** The network plane whole, as the Neutron emulation wants it to be. Order carries no meaning. */
export interface NetworkPlane {
  networks: { id: string; mtu: number }[];
  subnets: {
    id: string;
    networkId: string;
    cidr: string;
    gatewayIp: string | null;
    enableDhcp: boolean;
    dnsNameservers: string[];
    hostRoutes: { destination: string; nexthop: string }[];
  }[];
  ports: {
    id: string;
    networkId: string;
    macAddress: string;
    fixedIps: { subnetId: string; ipAddress: string }[];
    /** Neutron's: a server's id, a router's id, or '' */
    deviceId: string;
    deviceOwner: string;
  }[];
  routers: { id: string; portIds: string[] }[];
}

export interface ServerSpec {
  id: string;
  name: string;
  ramMib: number;
  vcpus: number;
  rootDiskGib: number;
  /** A qcow2 file; never written to. Simulated hosts ignore it. */
  imageFile: string;
  /** NICs in the order of the guest's interfaces. */
  ports: { id: string; macAddress: string; ipAddresses: string[] }[];
  /** Written to a config drive (label `config-2`): path inside the drive to content. */
  configDrive: Record<string, string>;
}

export interface VolumeFile {
  id: string;
  /** A raw, sparse file whose size is the volume's. */
  file: string;
}

/**
 * Trouble that a test gives a simulated host, until it is given another set:
 * - `ssh-refused`, `ssh-silent`: port 22 refuses, or takes connections and says nothing;
 * - `host-key-changed`: the host proves another key than its config drive gave it;
 * - `disks-hidden`: volumes attached meanwhile do not show up in the guest (they do when this ends);
 * - `commands-outlive-connections`: as with OpenSSH, a command goes on when its connection is lost.
 *   Without it a command is killed with its connection.
 */
export type HostFault =
  | 'ssh-refused'
  | 'ssh-silent'
  | 'host-key-changed'
  | 'disks-hidden'
  | 'commands-outlive-connections';

/** What a test plugs into a tenant's network to act as a client of its shares. */
export interface ClientHost {
  /** Prefix a command with these words and it runs at the port's address. */
  command: string[];
}

/** What is to become of a command, and who wants to know. */
export interface WatchedCommand {
  /** `delayMs`, `reset`, `after`, `half`, `midway`, `between`, `noStatus`; see faults.ts. */
  fault: Strike | undefined;
  /** Awaited before the command gets its input. */
  begins(): Promise<void>;
  /** The exit code; -1 where a signal ended it, or nobody learns it. */
  ended(status: number): void;
}

/** What is asked and told about the commands of one host. */
export interface HostWatch {
  /** Asked about a command whose script goes by a name. */
  named(name: string): WatchedCommand;
  /** Told of a command that says no name once it has ended. Nothing can befall it. */
  unnamed(command: EndedCommand): void;
}

export interface EndedCommand {
  /** Its programs, such as `cat | grep | tee`. */
  programs: string;
  /** The exit code; -1 where a signal ended it. */
  status: number;
  /** When it began, in milliseconds since the epoch. */
  at: number;
}

/** How long things take at least, in milliseconds, as it is set at that moment. */
export interface HostPace {
  /** From the start of a server until it answers SSH. */
  boot: () => number;
  /** Of each command. */
  command: () => number;
}

/** Called with the server. */
export type CommandWatch = (serverId: string) => HostWatch;

export interface Hosts {
  readonly kind: HostsKind;
  /**
   * Checks what this kind needs (programs, rights) and takes over what a former process left running.
   * Servers cannot be reached before `applyNetworks` was called.
   */
  start(): Promise<void>;
  /** Switches every machine off and takes the wires away; disks stay, for the next start. */
  powerOff(): Promise<void>;
  /** Ends everything this kind started: machines, namespaces, helpers. */
  destroy(): Promise<void>;
  applyNetworks(plane: NetworkPlane): Promise<void>;
  /**
   * Powers a server on; resolves when the machine runs, not when it answers. One that was off keeps its
   * disk and config drive and takes over the ports of the new specification.
   */
  startServer(spec: ServerSpec): Promise<void>;
  /** Off, the disk kept. */
  stopServer(serverId: string, how: 'soft' | 'hard'): Promise<void>;
  rebootServer(serverId: string, how: 'soft' | 'hard'): Promise<void>;
  /** Off, and the disk gone. */
  deleteServer(serverId: string): Promise<void>;
  isRunning(serverId: string): Promise<boolean>;
  consoleLog(serverId: string): Promise<string>;
  /** Hot-plugs a disk whose serial is the first 20 characters of the volume's id. */
  attachVolume(serverId: string, volume: VolumeFile): Promise<void>;
  detachVolume(serverId: string, volumeId: string): Promise<void>;
  /** Copies content onto a file of the same size or larger, attached or not: for snapshots and clones. */
  copyVolume(from: VolumeFile, to: VolumeFile): Promise<void>;
  /** Deletes the file of a detached volume and all that belongs to it. */
  removeVolume(volume: VolumeFile): Promise<void>;
  /** Tells a running server that an attached volume's file has grown. */
  volumeResized(serverId: string, volume: VolumeFile): Promise<void>;
  /** A TCP connection to an address on a network, as from a machine on that network. */
  connect(target: { networkId: string; address: string; port: number }): Promise<Duplex>;
  /** A machine of its own at a port's addresses; QEMU hosts only (simulated ones reject). */
  plugClient(port: NetworkPlane['ports'][number]): Promise<ClientHost>;
  unplugClient(portId: string): Promise<void>;
  /** Simulated hosts only: the whole set of troubles a server has from now on. */
  setFaults?(serverId: string, faults: readonly HostFault[]): Promise<void>;
  /** Who is asked about each command that runs from now on; of QEMU hosts only those that were given an SSH key ask. */
  watchCommands?(watch: CommandWatch): void;
  /** Simulated hosts only. */
  keepPace?(pace: HostPace): void;
}
