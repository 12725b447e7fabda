import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';

const script = join(import.meta.dirname, 'lib/own-root');
/** See `stand-ins.ts` about SHLVL. */
const cleanEnvironment = { SHLVL: '3' };

/**
 * Gives the commands of a host its root as their own `/`, with the system's programs in it, read-only. A process
 * holds the mounts in a namespace of its own: they end with it, and it ends with this process.
 */
export class OwnRoot {
  readonly #root: string;
  readonly #shared: string;
  #keeper: ChildProcessWithoutNullStreams | undefined;

  /** Volumes and machines must be in the folder `shared`. */
  constructor(root: string, shared: string) {
    this.#root = root;
    this.#shared = shared;
  }

  async open(): Promise<void> {
    const command = ['--mount', '--', '/bin/bash', script, this.#root, this.#shared];
    // A session of its own, so that Ctrl-C is for those who know what to do with it.
    const keeper = spawn('/usr/bin/unshare', command, { env: cleanEnvironment, detached: true });
    this.#keeper = keeper;
    keeper.stdin.on('error', () => undefined);
    let complaint = '';
    keeper.stderr.setEncoding('utf8').on('data', (text: string) => (complaint += text));
    const ready = once(createInterface({ input: keeper.stdout }), 'line');
    const ended = once(keeper, 'close').then(() => {
      throw new Error(`No root of its own for ${dirname(this.#root)}: ${complaint}`);
    });
    // Told where it matters: later it ends because it is to end.
    ended.catch(() => undefined);
    await Promise.race([ready, ended]);
  }

  async close(): Promise<void> {
    const keeper = this.#keeper;
    this.#keeper = undefined;
    if (!keeper || keeper.exitCode !== null || keeper.signalCode !== null) return;
    keeper.kill('SIGKILL');
    await once(keeper, 'exit');
  }

  /** What a command begins with to run there, in a folder of the root. */
  enter(folder: string): string[] {
    if (!this.#keeper?.pid) throw new Error('Nobody holds this root: open it first');
    const place = `/proc/${this.#keeper.pid}`;
    const target = ['--target', String(this.#keeper.pid), '--mount', '--root'];
    return ['/usr/bin/nsenter', ...target, `--wd=${place}/root${folder}`, '--'];
  }
}
