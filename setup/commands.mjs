import { spawn } from 'node:child_process';
import { accessSync, constants as fileModes } from 'node:fs';
import { constants } from 'node:os';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';

// Each command is a process group of its own, so that nothing it started outlives an interrupted set-up.
const groups = new Set();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.once(signal, () => {
    for (const group of groups) process.kill(-group, signal);
    process.exit(128 + constants.signals[signal]);
  });
}

// A user's PATH often lacks these, and extlinux, mke2fs, dnsmasq live there.
const searchPath = `${process.env.PATH}${delimiter}/usr/sbin${delimiter}/sbin`;

/** The file that runs when `name` is called, undefined when there is none. */
export function findCommand(name) {
  return searchPath
    .split(delimiter)
    .filter(Boolean)
    .map((directory) => join(directory, name))
    .find(isExecutable);
}

export function isExecutable(file) {
  try {
    accessSync(file, fileModes.X_OK);
    return true;
  } catch {
    return false;
  }
}

export class CommandFailed extends Error {
  constructor(argv, reason, output) {
    super(`${argv.join(' ')}: ${reason}`);
    this.output = output;
  }

  /** What it printed, indented; of much only the beginning and the end: one of them tells why. */
  get excerpt() {
    const lines = this.output.trim().split('\n');
    const shown = lines.length > 24 ? [...lines.slice(0, 12), '…', ...lines.slice(-10)] : lines;
    return shown.map((line) => `    ${line}`).join('\n');
  }
}

/**
 * Runs a program without input and gives what it printed; rejects with CommandFailed. `onLine` sees each line
 * of its standard error as it comes, `stdin` is a stream to feed it from.
 */
export function run(argv, { env = {}, cwd, onLine, stdin, timeLimitMs } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(argv[0], argv.slice(1), {
      cwd,
      env: { ...process.env, PATH: searchPath, ...env },
      stdio: [stdin ? 'pipe' : 'ignore', 'pipe', 'pipe'],
      timeout: timeLimitMs,
      detached: true,
    });
    if (child.pid) groups.add(child.pid);
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => (output += text));
    }
    if (onLine) createInterface({ input: child.stderr }).on('line', onLine);
    if (stdin)
      stdin
        .on('error', (error) => child.stdin.destroy(error))
        .pipe(child.stdin.on('error', () => {}));
    const end = (reason) => {
      groups.delete(child.pid);
      if (reason) reject(new CommandFailed(argv, reason, output));
      else resolve(output);
    };
    child.on('error', (error) => end(error.message));
    child.on('close', (code, signal) =>
      end(code === 0 ? undefined : (signal ?? `exit code ${code}`)),
    );
  });
}
