import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import type { ServerChannel } from 'ssh2';
import { identify, endSession, type OwnedProcess } from '../processes.js';

export interface CommandPlace {
  cwd: string;
  env: Record<string, string>;
  /** Told of each command's process when it starts and when it and its output have ended. */
  started(process: OwnedProcess): void;
  ended(process: OwnedProcess): void;
  outlivesConnection(): boolean;
}

/** Runs a command in a session of its own, joined to the channel as a shell of sshd's would be. */
export function runCommand(command: string, channel: ServerChannel, place: CommandPlace): void {
  const child = spawn('/bin/bash', ['-c', command], {
    cwd: place.cwd,
    env: place.env,
    detached: true,
  });
  const leader = child.pid === undefined ? undefined : identify(child.pid);
  if (leader) place.started(leader);
  join(channel, child);

  let over = false;
  child.on('error', (error) => channel.stderr.write(`${error.message}\n`));
  child.on('close', (code, signal) => {
    over = true;
    if (leader) place.ended(leader);
    if (code === null) channel.exit(signal?.replace(/^SIG/, '') ?? 'KILL');
    else channel.exit(code < 0 ? 255 : code);
    channel.end();
  });
  channel.on('close', () => {
    if (!over && leader && !place.outlivesConnection()) void endSession(leader);
  });
}

function join(channel: ServerChannel, child: ChildProcessWithoutNullStreams): void {
  channel.pipe(child.stdin);
  child.stdout.pipe(channel, { end: false });
  child.stderr.pipe(channel.stderr, { end: false });
  // A command need not read its input, nor a client wait for the output.
  child.stdin.on('error', () => channel.unpipe(child.stdin));
  channel.on('error', () => undefined);
}
