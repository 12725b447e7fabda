import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ServerChannel } from 'ssh2';
import { identify, endSession, type OwnedProcess } from '../processes.js';
import { joinWatched, type RunningCommand, type Watching } from '../commands/watched-command.js';

/** For what a script does at its end, also when it is ended: it dies of its closed output on a real host. */
const GRACE_MS = 500;

export interface CommandPlace extends Watching {
  /** What starts a shell there. */
  shell: string[];
  cwd: string;
  env: Record<string, string>;
  /** It is not known to have ended sooner, in milliseconds. */
  leastMs: number;
  /** Told of each command's process when it starts and when it and its output have ended. */
  started(process: OwnedProcess): void;
  ended(process: OwnedProcess): void;
  outlivesConnection(): boolean;
}

/** Runs a command in a session of its own, joined to the channel as a shell of sshd's would be. */
export function runCommand(command: string, channel: ServerChannel, place: CommandPlace): void {
  const [program, ...words] = [...place.shell, '-c', command];
  const child = spawn(program, words, {
    cwd: place.cwd,
    env: place.env,
    detached: true,
  });
  const leader = child.pid === undefined ? undefined : identify(child.pid);
  if (leader) place.started(leader);
  let over = false;
  const pace = sleep(place.leastMs);
  const ended: RunningCommand['ended'] = new Promise((resolve) => {
    child.on('close', (code, signal) => {
      over = true;
      if (leader) place.ended(leader);
      const killed = { signal: signal?.replace(/^SIG/, '') ?? 'KILL' };
      const ending = code === null ? killed : code < 0 ? 255 : code;
      void pace.then(() => resolve(ending));
    });
  });
  const { stdin, stdout, stderr } = child;
  const fate = joinWatched(channel, { text: command, stdin, stdout, stderr, ended }, place);
  child.on('error', (error) => channel.stderr.write(`${error.message}\n`));
  channel.on('close', () => {
    const goesOn = fate.lost || place.outlivesConnection();
    if (!over && leader && !goesOn) void endSession(leader, GRACE_MS);
  });
}
