import { mkdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import type { ServerSpec, VolumeFile } from '../hosts.js';
import { endProcess, identify, isAlive, ownedProcess } from '../processes.js';
import { serverSpec, volumeFile } from '../server-spec.js';
import { readState, writeState } from '../state-file.js';
import { buildConfigDrive } from './config-drive-iso.js';
import { plugVolume, resizeDisk, unplugVolume } from './hot-plug.js';
import { inNamespace, runProgram } from './ip-command.js';
import { qemuCommand, type VmFiles, volumeSlots } from './qemu-command.js';
import { type Qmp, withQmp } from './qmp.js';

const vmState = z.object({
  spec: serverSpec,
  volumes: z.array(volumeFile.extend({ slot: z.number() })),
  process: ownedProcess.optional(),
});
type VmState = z.infer<typeof vmState>;

export interface VmPlace {
  dir: string;
  /** Short: the path of a socket in it may have 107 bytes. */
  controlSocket: string;
  /** The namespace that has the taps. */
  namespace: string;
  kvm: boolean;
}

const POWER_BUTTON_LIMIT_MS = 20_000;

/** One virtual machine: its directory, and its QEMU when it runs, which outlives this process. */
export class Vm {
  readonly #place: VmPlace;
  #state: VmState;

  private constructor(place: VmPlace, state: VmState) {
    this.#place = place;
    this.#state = state;
  }

  static async create(place: VmPlace, spec: ServerSpec): Promise<Vm> {
    const vm = new Vm(place, { spec, volumes: [] });
    await rm(place.dir, { recursive: true, force: true });
    await mkdir(place.dir, { recursive: true, mode: 0o700 });
    await buildConfigDrive(spec.configDrive, vm.#files.configDrive);
    await makeRootDisk(spec, vm.#files.disk);
    await vm.#save({});
    return vm;
  }

  /** Returns undefined when the directory holds no VM, or one whose creation did not end. */
  static async load(place: VmPlace): Promise<Vm | undefined> {
    const state = await readState(join(place.dir, 'vm.json'), vmState);
    if (!state) return undefined;
    const vm = new Vm(place, state);
    // The former process may have died between QEMU's start and its own note of it.
    if (!vm.isRunning()) await vm.#adopt();
    return vm;
  }

  get portIds(): string[] {
    return this.#state.spec.ports.map((port) => port.id);
  }

  get configDrive(): Record<string, string> {
    return this.#state.spec.configDrive;
  }

  isRunning(): boolean {
    return this.#state.process !== undefined && isAlive(this.#state.process);
  }

  /** NICs may have come or gone while it was off. */
  async setPorts(ports: ServerSpec['ports']): Promise<void> {
    await this.#save({ spec: { ...this.#state.spec, ports } });
  }

  async start(): Promise<void> {
    if (this.isRunning()) return;
    const { namespace, controlSocket, kvm } = this.#place;
    const { spec, volumes } = this.#state;
    await rm(controlSocket, { force: true });
    await rm(this.#files.pidFile, { force: true });
    await inNamespace(namespace, qemuCommand(spec, volumes, this.#files, kvm));
    await this.#adopt();
    if (!this.isRunning()) throw new Error(`QEMU of server ${spec.id} ended as it started`);
  }

  async stop(how: 'soft' | 'hard'): Promise<void> {
    if (how === 'soft' && this.isRunning()) await this.#askGuestToEnd();
    const { process } = this.#state;
    if (process) await endProcess(process, 5_000);
    await this.#save({ process: undefined });
  }

  async reboot(how: 'soft' | 'hard'): Promise<void> {
    if (how === 'hard' && this.isRunning()) {
      await this.#qmp((qmp) => qmp.execute('system_reset'));
      return;
    }
    await this.stop(how);
    await this.start();
  }

  async remove(): Promise<void> {
    await this.stop('hard');
    await rm(this.#place.controlSocket, { force: true });
    await rm(this.#place.dir, { recursive: true, force: true });
  }

  async attach(volume: VolumeFile): Promise<void> {
    const known = this.#state.volumes.find(({ id }) => id === volume.id);
    const plugged = known ?? { ...volume, slot: this.#freeSlot() };
    if (!known) await this.#save({ volumes: [...this.#state.volumes, plugged] });
    if (this.isRunning()) await this.#qmp((qmp) => plugVolume(qmp, plugged));
  }

  async detach(volumeId: string): Promise<void> {
    if (this.isRunning()) await this.#qmp((qmp) => unplugVolume(qmp, volumeId));
    await this.#save({ volumes: this.#state.volumes.filter(({ id }) => id !== volumeId) });
  }

  async resized(volume: VolumeFile): Promise<void> {
    if (!this.isRunning()) return;
    const { size } = await stat(volume.file);
    await this.#qmp((qmp) => resizeDisk(qmp, volume.id, size));
  }

  async consoleLog(): Promise<string> {
    return readFile(this.#files.console, 'utf8').catch(() => '');
  }

  get #files(): VmFiles {
    const { dir, controlSocket } = this.#place;
    return {
      disk: join(dir, 'disk.qcow2'),
      configDrive: join(dir, 'config-drive.iso'),
      console: join(dir, 'console.log'),
      pidFile: join(dir, 'qemu.pid'),
      controlSocket,
    };
  }

  /** Notes the process that the pid file names, if it is this VM's QEMU. */
  async #adopt(): Promise<void> {
    const pid = Number(await readFile(this.#files.pidFile, 'utf8').catch(() => ''));
    const process = pid > 0 ? identify(pid) : undefined;
    if (!process) return;
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (command.split('\0').includes(this.#files.pidFile)) await this.#save({ process });
  }

  /** Presses the power button and Ctrl-Alt-Del; a guest that knows either ends in good order. */
  async #askGuestToEnd(): Promise<void> {
    const press = async (qmp: Qmp) => {
      await qmp.execute('set-action', { reboot: 'shutdown' });
      await qmp.execute('system_powerdown');
      const keys = ['ctrl', 'alt', 'delete'].map((data) => ({ type: 'qcode', data }));
      await qmp.execute('send-key', { keys });
    };
    // The guest may end before it has heard all; one that hears nothing is ended the hard way.
    await this.#qmp(press).catch(() => undefined);
    for (let waitedMs = 0; waitedMs < POWER_BUTTON_LIMIT_MS && this.isRunning(); waitedMs += 100) {
      await sleep(100);
    }
  }

  async #qmp<T>(work: (qmp: Qmp) => Promise<T>): Promise<T> {
    return withQmp(this.#place.controlSocket, work);
  }

  #freeSlot(): number {
    const taken = new Set(this.#state.volumes.map(({ slot }) => slot));
    for (let slot = 0; slot < volumeSlots; slot += 1) if (!taken.has(slot)) return slot;
    throw new Error(`Server ${this.#state.spec.id} has all ${volumeSlots} slots for volumes taken`);
  }

  async #save(changes: Partial<VmState>): Promise<void> {
    this.#state = { ...this.#state, ...changes };
    await writeState(join(this.#place.dir, 'vm.json'), this.#state);
  }
}

const imageInfo = z.object({ 'virtual-size': z.number() });

/** Writes go to an overlay as large as the flavor's disk; the image stays as it is. */
async function makeRootDisk(
  { imageFile, rootDiskGib }: ServerSpec,
  diskFile: string,
): Promise<void> {
  const info = await runProgram(['qemu-img', 'info', '-U', '--output=json', imageFile]);
  const size = imageInfo.parse(JSON.parse(info))['virtual-size'];
  const wanted = Math.max(size, rootDiskGib * 1024 ** 3);
  const overlay = ['-f', 'qcow2', '-F', 'qcow2', '-b', imageFile, diskFile, String(wanted)];
  await runProgram(['qemu-img', 'create', '-q', ...overlay]);
}
