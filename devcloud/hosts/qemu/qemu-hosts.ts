import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, readdir, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import type { Logger } from 'pino';
import { z } from 'zod';
import type {
  ClientHost,
  CommandWatch,
  Hosts,
  NetworkPlane,
  ServerSpec,
  VolumeFile,
} from '../hosts.js';
import { authorizedKeys, givenHostKey } from '../config-drive.js';
import { copyDisk } from '../copy-disk.js';
import { relay } from '../commands/relay.js';
import { readState, writeState } from '../state-file.js';
import { Turns } from '../turns.js';
import { desiredWires } from './desired-wires.js';
import { DhcpServers } from './dhcp-servers.js';
import { dial } from './dial.js';
import { endNamespaces } from './ip-command.js';
import { Names, tapOf } from './names.js';
import { checkRequirements } from './requirements.js';
import { Vm, type VmPlace } from './vm.js';
import { Wires } from './wires.js';

type Port = NetworkPlane['ports'][number];

const noNetworks: NetworkPlane = { networks: [], subnets: [], ports: [], routers: [] };
const runFolder = z.object({ folder: z.string() });

export interface QemuHostsOptions {
  stateDir: string;
  log: Logger;
  kvm: boolean;
  sshKeyFile?: string | undefined;
}

/** Virtual machines on networks of their own. All of it outlives this process until `destroy`. */
export class QemuHosts implements Hosts {
  readonly kind = 'qemu';
  readonly #dir: string;
  readonly #log: Logger;
  readonly #kvm: boolean;
  readonly #names: Names;
  readonly #wires: Wires;
  readonly #dhcp: DhcpServers;
  readonly #turns = new Turns();
  readonly #vms = new Map<string, Vm>();
  readonly #clients = new Map<string, Port>();
  readonly #sshKeyFile: string | undefined;
  #watch: CommandWatch | undefined;
  #plane = noNetworks;
  #runFolder = '';

  constructor({ stateDir, log, kvm, sshKeyFile }: QemuHostsOptions) {
    this.#dir = stateDir;
    this.#log = log;
    this.#kvm = kvm;
    this.#sshKeyFile = sshKeyFile;
    this.#names = new Names(stateDir);
    this.#wires = new Wires(this.#names, stateDir);
    this.#dhcp = new DhcpServers(stateDir);
  }

  async start(): Promise<void> {
    await checkRequirements();
    await mkdir(this.#serversDir, { recursive: true, mode: 0o700 });
    this.#runFolder = await this.#findRunFolder();
    for (const id of await readdir(this.#serversDir)) {
      const vm = await Vm.load(this.#placeOf(id));
      if (vm) this.#vms.set(id, vm);
    }
    this.#log.debug({ servers: this.#vms.size, kvm: this.#kvm }, 'QEMU hosts are ready');
  }

  async powerOff(): Promise<void> {
    await Promise.all([...this.#vms.keys()].map(async (id) => this.stopServer(id, 'soft')));
    await this.#unwire();
  }

  async destroy(): Promise<void> {
    for (const id of this.#vms.keys()) await this.deleteServer(id);
    await this.#unwire();
    await rm(this.#serversDir, { recursive: true, force: true });
  }

  async #unwire(): Promise<void> {
    this.#clients.clear();
    await this.#turns.take('networks', async () => {
      await this.#dhcp.remove();
      await endNamespaces(this.#names.prefix);
      await this.#wires.forget();
    });
    if (this.#runFolder) await rm(this.#runFolder, { recursive: true, force: true });
    await rm(this.#runFolderFile, { force: true });
  }

  async applyNetworks(plane: NetworkPlane): Promise<void> {
    this.#plane = plane;
    await this.#applyNetworks();
  }

  async startServer(spec: ServerSpec): Promise<void> {
    await this.#turns.take(spec.id, async () => {
      const vm = this.#vms.get(spec.id) ?? (await Vm.create(this.#placeOf(spec.id), spec));
      this.#vms.set(spec.id, vm);
      if (vm.isRunning()) return;
      await vm.setPorts(spec.ports);
      this.#checkPorts(spec.id, vm.portIds);
      await this.#applyNetworks();
      await vm.start();
    });
  }

  async stopServer(serverId: string, how: 'soft' | 'hard'): Promise<void> {
    await this.#withVm(serverId, (vm) => vm.stop(how));
  }

  async rebootServer(serverId: string, how: 'soft' | 'hard'): Promise<void> {
    await this.#withVm(serverId, (vm) => vm.reboot(how));
  }

  async deleteServer(serverId: string): Promise<void> {
    await this.#turns.take(serverId, async () => {
      const vm = this.#vms.get(serverId);
      if (!vm) return;
      await vm.remove();
      this.#vms.delete(serverId);
      await this.#applyNetworks();
    });
  }

  async isRunning(serverId: string): Promise<boolean> {
    return this.#vms.get(serverId)?.isRunning() ?? false;
  }

  async consoleLog(serverId: string): Promise<string> {
    return this.#vm(serverId).consoleLog();
  }

  async attachVolume(serverId: string, volume: VolumeFile): Promise<void> {
    await this.#withVm(serverId, (vm) => vm.attach(volume));
  }

  async detachVolume(serverId: string, volumeId: string): Promise<void> {
    await this.#turns.take(serverId, async () => this.#vms.get(serverId)?.detach(volumeId));
  }

  async copyVolume(from: VolumeFile, to: VolumeFile): Promise<void> {
    await copyDisk(from.file, to.file);
  }

  async removeVolume(volume: VolumeFile): Promise<void> {
    await rm(volume.file, { force: true });
  }

  async volumeResized(serverId: string, volume: VolumeFile): Promise<void> {
    await this.#withVm(serverId, (vm) => vm.resized(volume));
  }

  async connect(target: { networkId: string; address: string; port: number }): Promise<Duplex> {
    if (!this.#plane.networks.some(({ id }) => id === target.networkId)) {
      throw new Error(`Network ${target.networkId} does not exist: nothing can be reached on it`);
    }
    const connection = await dial(this.#names.dhcp(target.networkId), target.address, target.port);
    return target.port === 22 ? this.#watched(connection, target) : connection;
  }

  watchCommands(watch: CommandWatch): void {
    this.#watch = watch;
  }

  async plugClient(port: Port): Promise<ClientHost> {
    if (!this.#plane.networks.some(({ id }) => id === port.networkId)) {
      throw new Error(`Port ${port.id} is on network ${port.networkId}, which does not exist`);
    }
    this.#clients.set(port.id, port);
    await this.#applyNetworks();
    return { command: ['ip', 'netns', 'exec', this.#names.client(port.id)] };
  }

  async unplugClient(portId: string): Promise<void> {
    if (this.#clients.delete(portId)) await this.#applyNetworks();
  }

  /** Commands are seen only between two SSH connections. */
  async #watched(connection: Duplex, at: { networkId: string; address: string }): Promise<Duplex> {
    const watch = this.#watch;
    const [serverId, vm] = this.#vmAt(at) ?? [];
    const hostKey = vm && givenHostKey(vm.configDrive);
    if (this.#sshKeyFile === undefined || !watch || !serverId || !hostKey) return connection;
    const letIn = authorizedKeys(vm.configDrive);
    // Whom else the server lets in, by its user data or a password, only it knows.
    if (letIn.length === 0) return connection;
    return relay(connection, {
      privateKey: await readFile(this.#sshKeyFile, 'utf8'),
      hostKey,
      authorizedKeys: letIn,
      watch: watch(serverId),
    });
  }

  #vmAt({ networkId, address }: { networkId: string; address: string }): [string, Vm] | undefined {
    const ports = this.#plane.ports.filter(
      (port) =>
        port.networkId === networkId && port.fixedIps.some((ip) => ip.ipAddress === address),
    );
    return [...this.#vms].find(([, vm]) => ports.some(({ id }) => vm.portIds.includes(id)));
  }

  async #applyNetworks(): Promise<void> {
    await this.#turns.take('networks', async () => {
      const serverPorts = new Set([...this.#vms.values()].flatMap((vm) => vm.portIds));
      const keptTaps = new Set([...serverPorts].map(tapOf));
      const clients = [...this.#clients.values()];
      const desired = desiredWires(this.#plane, this.#names, serverPorts, clients);
      await this.#dhcp.keepOnly(desired.dhcp);
      await this.#wires.apply(desired, keptTaps);
      await this.#dhcp.apply(this.#plane, desired.dhcp);
    });
  }

  #checkPorts(serverId: string, portIds: string[]): void {
    const missing = portIds.filter((id) => !this.#plane.ports.some((port) => port.id === id));
    if (missing.length === 0) return;
    throw new Error(`Server ${serverId} cannot start: no such port ${missing.join(', ')}`);
  }

  get #serversDir(): string {
    return join(this.#dir, 'servers');
  }

  get #runFolderFile(): string {
    return join(this.#dir, 'run-folder.json');
  }

  #placeOf(serverId: string): VmPlace {
    const name = createHash('sha256').update(serverId).digest('hex').slice(0, 12);
    return {
      dir: join(this.#serversDir, serverId),
      controlSocket: join(this.#runFolder, name),
      namespace: this.#names.wires,
      kvm: this.#kvm,
    };
  }

  /** Sockets need a short path, which the directory of state may not have. */
  async #findRunFolder(): Promise<string> {
    const recorded = await readState(this.#runFolderFile, runFolder);
    if (recorded && (await realpath(recorded.folder).catch(() => undefined))) {
      return recorded.folder;
    }
    const folder = await mkdtemp(join(tmpdir(), 'hawser-'));
    await writeState(this.#runFolderFile, { folder });
    return folder;
  }

  #vm(serverId: string): Vm {
    const vm = this.#vms.get(serverId);
    if (!vm) throw new Error(`Server ${serverId} has no virtual machine; start it first`);
    return vm;
  }

  async #withVm(serverId: string, work: (vm: Vm) => Promise<void>): Promise<void> {
    await this.#turns.take(serverId, () => work(this.#vm(serverId)));
  }
}
