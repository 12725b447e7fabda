import { appendFile, mkdir, readFile, rm } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import ssh2 from 'ssh2';
import { z } from 'zod';
import { authorizedKeys, givenHostKey } from '../config-drive.js';
import type { CommandWatch, HostFault, HostPace, ServerSpec, VolumeFile } from '../hosts.js';
import { serverSpec, volumeFile } from '../server-spec.js';
import { readState, writeState } from '../state-file.js';
import { CommandSessions } from './command-sessions.js';
import { Disks } from './disks.js';
import { OwnRoot } from './own-root.js';
import { runCommand } from './run-command.js';
import { createSshServer } from '../commands/ssh-server.js';
import { hostEnvironment, runStandIn } from './stand-ins.js';

const hostFault = z.enum([
  'ssh-refused',
  'ssh-silent',
  'host-key-changed',
  'disks-hidden',
  'commands-outlive-connections',
]) satisfies z.ZodType<HostFault>;

const machineState = z.object({
  spec: serverSpec,
  running: z.boolean(),
  volumes: z.array(volumeFile),
  hostKey: z.string(),
  faults: z.array(hostFault),
});
type MachineState = z.infer<typeof machineState>;

export interface MachineOptions {
  /** A folder with the harmless tools; see `toolbox.ts`. */
  tools: string;
  watch: CommandWatch;
  pace: HostPace;
  /** The folder that holds machines and volumes, where commands have the machine's root as their own `/`. */
  shared: string | undefined;
}

/** One simulated host: a directory that holds its root, its volumes' list and its running state. */
export class Machine {
  readonly root: string;
  readonly #dir: string;
  readonly #tools: string;
  readonly #watch: CommandWatch;
  readonly #pace: HostPace;
  #answersFrom = 0;
  readonly #disks: Disks;
  readonly #ownRoot: OwnRoot | undefined;
  readonly #sessions: CommandSessions;
  #state: MachineState;
  #ssh: ssh2.Server | undefined;
  #connections = new Set<Duplex>();

  private constructor(
    dir: string,
    { tools, watch, pace, shared }: MachineOptions,
    state: MachineState,
  ) {
    this.#dir = dir;
    this.#tools = tools;
    this.#watch = watch;
    this.#pace = pace;
    this.#state = state;
    this.root = join(dir, 'root');
    this.#disks = new Disks(this.root, join(dir, 'kernel'));
    this.#ownRoot = shared === undefined ? undefined : new OwnRoot(this.root, shared);
    this.#sessions = new CommandSessions(join(dir, 'kernel', 'sessions'));
  }

  static async create(dir: string, spec: ServerSpec, options: MachineOptions): Promise<Machine> {
    const hostKey = givenHostKey(spec.configDrive) ?? newHostKey();
    const machine = new Machine(dir, options, {
      spec,
      running: false,
      volumes: [],
      hostKey,
      faults: [],
    });
    for (const folder of ['kernel/disks', 'kernel/mounts', 'kernel/under', 'kernel/sessions']) {
      await mkdir(join(dir, folder), { recursive: true, mode: 0o700 });
    }
    await runStandIn('install', { root: machine.root, tools: options.tools });
    await machine.#save();
    return machine;
  }

  /** Returns undefined when the directory holds no machine, or one whose creation did not end. */
  static async load(dir: string, options: MachineOptions): Promise<Machine | undefined> {
    const state = await readState(join(dir, 'machine.json'), machineState);
    if (!state) return undefined;
    const machine = new Machine(dir, options, state);
    if (state.running) {
      await machine.#ownRoot?.open();
      machine.#serve();
    }
    return machine;
  }

  get running(): boolean {
    return this.#state.running;
  }

  get portIds(): string[] {
    return this.#state.spec.ports.map((port) => port.id);
  }

  /** NICs may have come or gone while it was off. */
  async setPorts(ports: ServerSpec['ports']): Promise<void> {
    await this.#save({ spec: { ...this.#state.spec, ports } });
  }

  async boot(): Promise<void> {
    if (this.#state.running) return;
    await this.#disks.plugAll(
      this.#state.faults.includes('disks-hidden') ? [] : this.#state.volumes,
    );
    await this.#writeInterfaces();
    await runStandIn('boot', { root: this.root, tools: this.#tools });
    await this.#ownRoot?.open();
    await this.#console('booted');
    this.#answersFrom = Date.now() + this.#pace.boot();
    this.#serve();
    await this.#save({ running: true });
  }

  async halt(): Promise<void> {
    this.#ssh = undefined;
    for (const connection of this.#connections) connection.destroy();
    await this.#sessions.endAll();
    await this.#ownRoot?.close();
    if (!this.#state.running) return;
    await runStandIn('halt', { root: this.root, tools: this.#tools });
    await this.#disks.unplugAll();
    await this.#console('halted');
    await this.#save({ running: false });
  }

  async remove(): Promise<void> {
    await this.halt();
    await rm(this.#dir, { recursive: true, force: true });
  }

  async attach(volume: VolumeFile): Promise<void> {
    const others = this.#state.volumes.filter(({ id }) => id !== volume.id);
    await this.#save({ volumes: [...others, volume] });
    if (this.running && !this.#state.faults.includes('disks-hidden'))
      await this.#disks.plug(volume);
  }

  async detach(volumeId: string): Promise<void> {
    const name = await this.#disks.nameOf(volumeId);
    if (name) await runStandIn('unplug', { root: this.root, tools: this.#tools }, name);
    await this.#save({ volumes: this.#state.volumes.filter(({ id }) => id !== volumeId) });
  }

  async resized(volume: VolumeFile): Promise<void> {
    await this.#disks.measure(volume.id);
  }

  /** Where the content of a mounted volume is now, if this machine has it mounted. */
  async contentOf(volumeId: string): Promise<string | undefined> {
    return this.#disks.mountedContent(volumeId);
  }

  async setFaults(faults: readonly HostFault[]): Promise<void> {
    await this.#save({ faults: [...faults] });
    if (!this.running) return;
    this.#serve();
    if (faults.includes('disks-hidden')) return;
    for (const volume of this.#state.volumes) await this.#disks.plug(volume);
  }

  /** Gives a connection to port 22; false means refused. */
  accept(connection: Duplex): boolean {
    if (!this.#ssh || this.#state.faults.includes('ssh-refused')) return false;
    if (Date.now() < this.#answersFrom) return false;
    this.#connections.add(connection);
    connection.once('close', () => this.#connections.delete(connection));
    connection.on('error', () => undefined);
    // ssh2 asks of an injected socket only what every Duplex has.
    const socket: Duplex = connection;
    if (!this.#state.faults.includes('ssh-silent')) this.#ssh.injectSocket(socket as Socket);
    return true;
  }

  async consoleLog(): Promise<string> {
    return readFile(join(this.#dir, 'console.log'), 'utf8').catch(() => '');
  }

  #serve(): void {
    const { spec, hostKey } = this.#state;
    this.#ssh = createSshServer({
      hostKey: this.#state.faults.includes('host-key-changed') ? newHostKey() : hostKey,
      authorizedKeys: authorizedKeys(spec.configDrive),
      run: (...command) => this.#run(...command),
    });
  }

  #run(command: string, channel: ssh2.ServerChannel, hangUp: () => void): void {
    const own = this.#ownRoot;
    const home = '/home/manila';
    runCommand(command, channel, {
      shell: [...(own?.enter(home) ?? []), '/bin/bash'],
      cwd: join(this.root, home),
      env: hostEnvironment({ root: this.root, tools: this.#tools }, own ? '' : this.root),
      leastMs: this.#pace.command(),
      hangUp,
      watch: this.#watch(this.#state.spec.id),
      started: (process) => this.#sessions.add(process),
      ended: (process) => this.#sessions.remove(process),
      outlivesConnection: () => this.#state.faults.includes('commands-outlive-connections'),
    });
  }

  async #writeInterfaces(): Promise<void> {
    const { ports } = this.#state.spec;
    await writeState(
      join(this.#dir, 'kernel', 'interfaces.json'),
      ports.map(({ macAddress, ipAddresses }, index) => ({
        ifname: `eth${index}`,
        address: macAddress,
        operstate: 'UP',
        addr_info: ipAddresses.map((local) => ({
          family: local.includes(':') ? 'inet6' : 'inet',
          local,
          scope: 'global',
          dynamic: true,
        })),
      })),
    );
  }

  async #console(event: string): Promise<void> {
    const line = `${new Date().toISOString()} ${this.#state.spec.name}: simulated host ${event}\n`;
    await appendFile(join(this.#dir, 'console.log'), line);
  }

  async #save(changes: Partial<MachineState> = {}): Promise<void> {
    this.#state = { ...this.#state, ...changes };
    await writeState(join(this.#dir, 'machine.json'), this.#state);
  }
}

function newHostKey(): string {
  // ssh2 drops zeros at the start of an Ed25519 key, which nobody can read then (mscdex/ssh2#1513).
  return ssh2.utils.generateKeyPairSync('ecdsa', { bits: 256 }).private;
}
