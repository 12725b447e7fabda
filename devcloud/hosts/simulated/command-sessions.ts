import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { endSession, type OwnedProcess } from '../processes.js';

/** The sessions of commands that run on a host, on file so that a later process can end them. */
export class CommandSessions {
  readonly #dir: string;

  constructor(dir: string) {
    this.#dir = dir;
  }

  add({ pid, startTime }: OwnedProcess): void {
    mkdirSync(this.#dir, { recursive: true });
    writeFileSync(join(this.#dir, `${pid}-${startTime}`), '');
  }

  remove({ pid, startTime }: OwnedProcess): void {
    rmSync(join(this.#dir, `${pid}-${startTime}`), { force: true });
  }

  async endAll(): Promise<void> {
    for (const name of readdirSync(this.#dir)) {
      const [pid, startTime = ''] = name.split('-');
      const leader = { pid: Number(pid), startTime };
      await endSession(leader);
      this.remove(leader);
    }
  }
}
