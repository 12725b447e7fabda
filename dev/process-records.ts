import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';
import { identify, isAlive, ownedProcess, type OwnedProcess } from '../devcloud/hosts/processes.js';

const fileSchema = z.object({
  owner: ownedProcess.optional(),
  children: z.array(ownedProcess),
});

/** Another environment, still alive, uses the same state directory. */
export class StateInUse extends Error {
  override readonly name = 'StateInUse';
}

/**
 * The file that names the processes of an environment, so that those which outlived a killed owner are
 * found and ended by the next one.
 */
export class ProcessRecords {
  readonly #file: string;
  #children: OwnedProcess[] = [];
  #owned = true;

  constructor(file: string) {
    this.#file = file;
  }

  /** Takes the state directory over; returns what a former owner left running. Throws `StateInUse`. */
  takeOver(): OwnedProcess[] {
    const former = this.#read();
    if (former?.owner && isAlive(former.owner)) {
      throw new StateInUse(
        `${dirname(this.#file)} is in use by process ${former.owner.pid}. ` +
          'Stop that one first, or use another directory with --state.',
      );
    }
    this.#write();
    return (former?.children ?? []).filter(isAlive);
  }

  add(pid: number): void {
    const child = identify(pid);
    if (!child) return;
    this.#children = [...this.#children, child];
    this.#write();
  }

  remove(pid: number): void {
    this.#children = this.#children.filter((child) => child.pid !== pid);
    this.#write();
  }

  /** The owner is done: the state directory is free. */
  release(): void {
    this.#owned = false;
    this.#write();
  }

  #read(): z.infer<typeof fileSchema> | undefined {
    try {
      return fileSchema.parse(JSON.parse(readFileSync(this.#file, 'utf8')));
    } catch {
      // None yet, or cut off half way: nothing is known.
      return undefined;
    }
  }

  #write(): void {
    mkdirSync(dirname(this.#file), { recursive: true });
    const owner = this.#owned ? identify(process.pid) : undefined;
    const content = { owner, children: this.#children };
    writeFileSync(`${this.#file}.new`, `${JSON.stringify(content, null, 2)}\n`);
    renameSync(`${this.#file}.new`, this.#file);
  }
}
