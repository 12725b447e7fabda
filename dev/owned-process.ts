import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ProcessRecords } from './process-records.js';

export interface OwnedProcessSpec<Ready> {
  /** For people: `the worker`. */
  name: string;
  /** Program and arguments. */
  command: string[];
  directory: string;
  env: NodeJS.ProcessEnv;
  logFile: string;
  /** Given each line it writes after a start, or asked now and then; something defined means ready. */
  ready:
    { line: (text: string) => Ready | undefined } | { probe: () => Promise<Ready | undefined> };
  readyWithinMs: number;
  /** How long SIGTERM may take before SIGKILL follows. */
  stopWithinMs: number;
  records: ProcessRecords;
  /** Called when it ends and nobody asked it to. */
  onUnexpectedEnd?: (how: string) => void;
}

/** A process of the environment did not come up; the message has its last words. */
export class StartFailed extends Error {
  override readonly name = 'StartFailed';
}

/** A child process that is recorded, logs to a file, and ends no later than we do. */
export class OwnedProcess<Ready> {
  readonly #spec: OwnedProcessSpec<Ready>;
  #child: ChildProcess | undefined;
  #ended: Promise<string> = Promise.resolve('never started');
  #isReady = false;
  #endWanted = false;

  constructor(spec: OwnedProcessSpec<Ready>) {
    this.#spec = spec;
  }

  get pid(): number | undefined {
    return this.running ? this.#child?.pid : undefined;
  }

  get running(): boolean {
    const child = this.#child;
    return child?.pid !== undefined && child.exitCode === null && child.signalCode === null;
  }

  /** Starts it and returns when it is ready. Throws `StartFailed`, with the process ended. */
  async start(): Promise<Ready> {
    if (this.running) throw new Error(`${this.#spec.name} runs already (pid ${this.pid})`);
    mkdirSync(dirname(this.#spec.logFile), { recursive: true });
    const logStart = existsSync(this.#spec.logFile) ? statSync(this.#spec.logFile).size : 0;
    this.#endWanted = false;
    this.#isReady = false;
    this.#spawn();
    try {
      const ready = await this.#becomeReady(logStart);
      this.#isReady = true;
      return ready;
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** SIGTERM, then SIGKILL if that takes too long; returns when it is gone. Safe to repeat. */
  async stop(): Promise<void> {
    this.#endWanted = true;
    if (!this.running) return;
    this.#child?.kill('SIGTERM');
    const tooLong = new AbortController();
    const late = sleep(this.#spec.stopWithinMs, 'late', { signal: tooLong.signal }).catch(() => '');
    if ((await Promise.race([this.#ended, late])) === 'late') this.#child?.kill('SIGKILL');
    tooLong.abort();
    await this.#ended;
  }

  /** Ends it the hard way, as a crash would; returns when it is gone. */
  async kill9(): Promise<void> {
    this.#endWanted = true;
    this.#child?.kill('SIGKILL');
    await this.#ended;
  }

  #spawn(): void {
    const log = openSync(this.#spec.logFile, 'a');
    const [program = '', ...args] = dyingWithUs(this.#spec.command);
    // A session of its own: Ctrl-C in the terminal is for us, and we stop our children in order.
    const child = spawn(program, args, {
      cwd: this.#spec.directory,
      env: this.#spec.env,
      stdio: ['ignore', log, log],
      detached: true,
    });
    closeSync(log);
    this.#child = child;
    const { pid } = child;
    if (pid !== undefined) this.#spec.records.add(pid);
    this.#ended = new Promise((resolve) => {
      child.once('error', (error) => resolve(error.message));
      child.once('exit', (code, signal) => {
        if (pid !== undefined) this.#spec.records.remove(pid);
        const how = signal ?? `exit code ${code}`;
        resolve(how);
        if (this.#isReady && !this.#endWanted) this.#spec.onUnexpectedEnd?.(how);
      });
    });
  }

  async #becomeReady(logStart: number): Promise<Ready> {
    const deadline = Date.now() + this.#spec.readyWithinMs;
    let end: string | undefined;
    void this.#ended.then((how) => (end = how));
    for (;;) {
      // Read before its end is looked at: its last words may be the ready line of a quick one.
      const ready = await this.#askReady(logStart);
      if (ready !== undefined) return ready;
      if (end !== undefined) throw this.#startFailed(`ended (${end})`, logStart);
      if (Date.now() > deadline) {
        const seconds = Math.round(this.#spec.readyWithinMs / 1000);
        throw this.#startFailed(`was not ready after ${seconds} s`, logStart);
      }
      await sleep(50);
    }
  }

  async #askReady(logStart: number): Promise<Ready | undefined> {
    const { ready } = this.#spec;
    if ('probe' in ready) return ready.probe();
    const lines = this.#logSince(logStart).split('\n').slice(0, -1);
    for (const line of lines) {
      const answer = ready.line(line);
      if (answer !== undefined) return answer;
    }
    return undefined;
  }

  #startFailed(what: string, logStart: number): StartFailed {
    const lastWords = this.#logSince(logStart).trimEnd().split('\n').slice(-8).join('\n  ');
    return new StartFailed(
      `${this.#spec.name} ${what}. Its last words:\n  ${lastWords || '(none)'}\nAll of them: ${this.#spec.logFile}`,
    );
  }

  #logSince(offset: number): string {
    return readFileSync(this.#spec.logFile).subarray(offset).toString('utf8');
  }
}

/** On Linux the kernel itself sends SIGTERM when we die, however we die. */
function dyingWithUs(command: string[]): string[] {
  const setpriv = '/usr/bin/setpriv';
  return existsSync(setpriv) ? [setpriv, '--pdeathsig', 'TERM', '--', ...command] : command;
}
