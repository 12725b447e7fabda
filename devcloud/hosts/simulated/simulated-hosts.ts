import { cp, mkdir, readdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Duplex } from 'node:stream';
import type { Logger } from 'pino';
import type {
  ClientHost,
  CommandWatch,
  HostFault,
  HostPace,
  Hosts,
  NetworkPlane,
  ServerSpec,
  VolumeFile,
  WatchedCommand,
} from '../hosts.js';
import { isMissing } from '../../is-missing.js';
import { copyDisk } from '../copy-disk.js';
import { Turns } from '../turns.js';
import { Machine, type MachineOptions } from './machine.js';
import { makeToolbox } from './toolbox.js';
import { createWire } from '../commands/wire.js';

/**
 * Hosts that are directories: an SSH server in this process runs real scripts, with stand-ins for the
 * tools that would need a kernel. Networks carry SSH connections only; no NFS or SMB server runs.
 */
export class SimulatedHosts implements Hosts {
  readonly kind = 'simulated';
  readonly #dir: string;
  readonly #tools: string;
  readonly #shared: string | undefined;
  readonly #log: Logger;
  readonly #turns = new Turns();
  readonly #machines = new Map<string, Machine>();
  #watch: CommandWatch | undefined;
  #pace: HostPace = { boot: () => 0, command: () => 0 };
  #plane: NetworkPlane = { networks: [], subnets: [], ports: [], routers: [] };

  constructor({ stateDir, log, rooted }: { stateDir: string; log: Logger; rooted?: boolean }) {
    this.#dir = join(stateDir, 'machines');
    this.#tools = join(stateDir, 'tools');
    this.#shared = rooted ? dirname(stateDir) : undefined;
    this.#log = log;
  }

  async start(): Promise<void> {
    if (this.#shared !== undefined && process.getuid?.() !== 0)
      throw new Error('Only root can give simulated hosts a root of their own');
    await mkdir(this.#dir, { recursive: true, mode: 0o700 });
    await makeToolbox(this.#tools);
    for (const id of await readdir(this.#dir)) {
      const machine = await Machine.load(join(this.#dir, id), this.#machineOptions);
      if (machine) this.#machines.set(id, machine);
    }
    this.#log.debug({ machines: this.#machines.size }, 'Simulated hosts are ready');
  }

  async powerOff(): Promise<void> {
    for (const id of this.#machines.keys()) await this.stopServer(id, 'hard');
  }

  async destroy(): Promise<void> {
    for (const id of this.#machines.keys()) await this.deleteServer(id);
    await rm(this.#dir, { recursive: true, force: true });
    await rm(this.#tools, { recursive: true, force: true });
  }

  async applyNetworks(plane: NetworkPlane): Promise<void> {
    this.#plane = plane;
  }

  async startServer(spec: ServerSpec): Promise<void> {
    await this.#turns.take(spec.id, async () => {
      const folder = join(this.#dir, spec.id);
      const machine =
        this.#machines.get(spec.id) ?? (await Machine.create(folder, spec, this.#machineOptions));
      this.#machines.set(spec.id, machine);
      if (machine.running) return;
      await machine.setPorts(spec.ports);
      await machine.boot();
    });
  }

  async stopServer(serverId: string, _how: 'soft' | 'hard'): Promise<void> {
    await this.#withMachine(serverId, (machine) => machine.halt());
  }

  async rebootServer(serverId: string, _how: 'soft' | 'hard'): Promise<void> {
    await this.#withMachine(serverId, async (machine) => {
      await machine.halt();
      await machine.boot();
    });
  }

  async deleteServer(serverId: string): Promise<void> {
    await this.#turns.take(serverId, async () => {
      await this.#machines.get(serverId)?.remove();
      this.#machines.delete(serverId);
    });
  }

  async isRunning(serverId: string): Promise<boolean> {
    return this.#machines.get(serverId)?.running ?? false;
  }

  async consoleLog(serverId: string): Promise<string> {
    return this.#machine(serverId).consoleLog();
  }

  async attachVolume(serverId: string, volume: VolumeFile): Promise<void> {
    await this.#withMachine(serverId, (machine) => machine.attach(volume));
  }

  async detachVolume(serverId: string, volumeId: string): Promise<void> {
    await this.#turns.take(serverId, async () => this.#machines.get(serverId)?.detach(volumeId));
  }

  async copyVolume(from: VolumeFile, to: VolumeFile): Promise<void> {
    await copyDisk(from.file, to.file);
    // A host may write, mount or unmount meanwhile, and a copy that it interferes with would be none of any moment.
    for (let tries = 1; ; tries += 1) {
      const content = await this.#contentOf(from);
      await rm(contentBeside(to), { recursive: true, force: true });
      try {
        await cp(content, contentBeside(to), { recursive: true });
        return;
      } catch (error) {
        const isNone = isMissing(error) && error.path === content;
        if (isNone && content === (await this.#contentOf(from))) return;
        if (tries === 20) throw error;
      }
    }
  }

  async removeVolume(volume: VolumeFile): Promise<void> {
    await rm(volume.file, { force: true });
    await rm(contentBeside(volume), { recursive: true, force: true });
  }

  async volumeResized(serverId: string, volume: VolumeFile): Promise<void> {
    await this.#withMachine(serverId, (machine) => machine.resized(volume));
  }

  async connect(target: { networkId: string; address: string; port: number }): Promise<Duplex> {
    const place = `${target.address}:${target.port} on network ${target.networkId}`;
    const machine = this.#machineAt(target);
    if (!machine?.running) throw unreachable(`No running server at ${place}`, 'EHOSTUNREACH');
    const [near, far] = createWire();
    if (target.port !== 22 || !machine.accept(far)) {
      throw unreachable(`Connection refused by ${place}`, 'ECONNREFUSED');
    }
    return near;
  }

  async plugClient(port: NetworkPlane['ports'][number]): Promise<ClientHost> {
    throw new Error(
      `Port ${port.id} cannot be a client: simulated hosts have no networks; use QEMU hosts`,
    );
  }

  async unplugClient(_portId: string): Promise<void> {}

  async setFaults(serverId: string, faults: readonly HostFault[]): Promise<void> {
    await this.#withMachine(serverId, (machine) => machine.setFaults(faults));
  }

  watchCommands(watch: CommandWatch): void {
    this.#watch = watch;
  }

  keepPace(pace: HostPace): void {
    this.#pace = pace;
  }

  /** Whoever watches may come later than the machines. */
  readonly #watched: CommandWatch = (serverId) => ({
    named: (name) => this.#watch?.(serverId).named(name) ?? unwatched,
    unnamed: (command) => this.#watch?.(serverId).unnamed(command),
  });

  get #machineOptions(): MachineOptions {
    const pace: HostPace = {
      boot: () => this.#pace.boot(),
      command: () => this.#pace.command(),
    };
    return { tools: this.#tools, watch: this.#watched, pace, shared: this.#shared };
  }

  #machineAt({ networkId, address }: { networkId: string; address: string }): Machine | undefined {
    const ports = this.#plane.ports.filter(
      (port) =>
        port.networkId === networkId && port.fixedIps.some((ip) => ip.ipAddress === address),
    );
    return [...this.#machines.values()].find((machine) =>
      ports.some((port) => machine.portIds.includes(port.id)),
    );
  }

  async #contentOf(volume: VolumeFile): Promise<string> {
    for (const machine of this.#machines.values()) {
      const content = await machine.contentOf(volume.id);
      if (content) return content;
    }
    return contentBeside(volume);
  }

  #machine(serverId: string): Machine {
    const machine = this.#machines.get(serverId);
    if (!machine) throw new Error(`Simulated server ${serverId} does not exist; start it first`);
    return machine;
  }

  async #withMachine(serverId: string, work: (machine: Machine) => Promise<void>): Promise<void> {
    await this.#turns.take(serverId, () => work(this.#machine(serverId)));
  }
}

const unwatched: WatchedCommand = {
  fault: undefined,
  begins: async () => undefined,
  ended: () => undefined,
};

const contentBeside = (volume: VolumeFile): string => `${volume.file}.content`;

function unreachable(message: string, code: string): Error {
  return Object.assign(new Error(message), { code });
}
