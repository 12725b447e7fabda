import {
  link,
  lstat,
  mkdir,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { isMissing } from '../../is-missing.js';
import type { VolumeFile } from '../hosts.js';

/**
 * A host's disks as its guest sees them: `dev/vdX` is the volume's file itself (a hard link), found by
 * serial under `dev/disk/by-id`. What only a kernel knows of them is in `kernel/disks/vdX`: the volume's
 * id, then its file.
 */
export class Disks {
  readonly #root: string;
  readonly #kernel: string;

  constructor(root: string, kernel: string) {
    this.#root = root;
    this.#kernel = kernel;
  }

  /** The link by its id comes last: without it a plugging was cut off, and is done again. */
  async plug(volume: VolumeFile): Promise<void> {
    const byId = join(this.#root, 'dev/disk/by-id', linkName(volume.id));
    if (await lstat(byId).catch(ifMissing(undefined))) return;
    const name = (await this.nameOf(volume.id)) ?? (await this.#freeName());
    const device = join(this.#root, 'dev', name);
    await rm(device, { force: true });
    await link(volume.file, device);
    await mkdir(join(this.#root, 'sys/block', name), { recursive: true });
    await writeFile(join(this.#root, 'sys/block', name, 'serial'), serial(volume.id));
    await writeFile(join(this.#kernel, 'disks', name), `${volume.id}\n${volume.file}\n`);
    await this.measure(volume.id);
    await symlink(`../../${name}`, byId);
  }

  /** Names change from boot to boot on real machines too: nothing may rely on them. */
  async plugAll(volumes: VolumeFile[]): Promise<void> {
    await this.unplugAll();
    for (const volume of volumes.toReversed()) await this.plug(volume);
  }

  async unplugAll(): Promise<void> {
    for (const name of await readdir(join(this.#kernel, 'disks'))) {
      await rm(join(this.#kernel, 'disks', name));
      await rm(join(this.#root, 'dev', name), { force: true });
      await rm(join(this.#root, 'sys/block', name), { recursive: true, force: true });
    }
    await rm(join(this.#root, 'dev/disk/by-id'), { recursive: true, force: true });
    await mkdir(join(this.#root, 'dev/disk/by-id'), { recursive: true });
  }

  async nameOf(volumeId: string): Promise<string | undefined> {
    for (const name of await this.#kernelFiles('disks')) {
      if ((await this.#read(name))[0] === volumeId) return name;
    }
    return undefined;
  }

  /** Puts a disk's present size, in sectors, where the guest reads it. */
  async measure(volumeId: string): Promise<void> {
    const name = await this.nameOf(volumeId);
    if (name === undefined) return;
    const { size } = await stat(join(this.#root, 'dev', name));
    await writeFile(join(this.#root, 'sys/block', name, 'size'), `${Math.floor(size / 512)}\n`);
  }

  async mountedContent(volumeId: string): Promise<string | undefined> {
    const disk = await this.nameOf(volumeId);
    for (const entry of disk ? await this.#kernelFiles('mounts') : []) {
      const [name, , target] = (await this.#kernelFile('mounts', entry)).split('\t');
      if (name === disk && target) return join(this.#root, target);
    }
    return undefined;
  }

  async #freeName(): Promise<string> {
    const taken = new Set(await readdir(join(this.#kernel, 'disks')));
    for (let index = 1; ; index += 1) {
      const name = `vd${letters(index)}`;
      if (!taken.has(name)) return name;
    }
  }

  async #read(name: string): Promise<string[]> {
    return (await this.#kernelFile('disks', name)).split('\n');
  }

  /** Who looks from outside may look while the host loses a disk or a mount, or is deleted. */
  async #kernelFile(...path: string[]): Promise<string> {
    return readFile(join(this.#kernel, ...path), 'utf8').catch(ifMissing(''));
  }

  async #kernelFiles(folder: string): Promise<string[]> {
    return readdir(join(this.#kernel, folder)).catch(ifMissing<string[]>([]));
  }
}

const ifMissing =
  <T>(nothing: T) =>
  (error: unknown): T => {
    if (isMissing(error)) return nothing;
    throw error;
  };

const serial = (volumeId: string): string => volumeId.slice(0, 20);
const linkName = (volumeId: string): string => `virtio-${serial(volumeId)}`;

/** 0 is a, 25 is z, 26 is aa: as the kernel names disks. */
function letters(index: number): string {
  const last = String.fromCharCode(97 + (index % 26));
  return index < 26 ? last : letters(Math.floor(index / 26) - 1) + last;
}
