import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import type { ServerChannel } from 'ssh2';
import { delay } from '../../fault-hooks.js';
import type { WatchedCommand } from '../hosts.js';
import { identify, endSession, type OwnedProcess } from '../processes.js';
import { readInput } from './command-input.js';

export interface CommandPlace {
  cwd: string;
  env: Record<string, string>;
  /** Ends the connection that the command came by. */
  hangUp(): void;
  /** Asked once, about a command that says its name. */
  watch(name: string): WatchedCommand;
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
  const fate: { watched?: WatchedCommand; lost: boolean; over: boolean } = {
    lost: false,
    over: false,
  };
  const output = join(channel, child);

  readInput(channel, child.stdin, async (name) => {
    fate.watched = place.watch(name);
    await fate.watched.begins();
    const { fault } = fate.watched;
    if (!fault) return true;
    if (fault.after ?? fault.half ?? fault.noStatus) output.hold();
    else if (!fault.midway) await delay(fault);
    if (fault.midway) {
      fate.lost = true;
      void delay(fault).then(() => place.hangUp());
    } else if (fault.reset && !fault.after) {
      place.hangUp();
      return false;
    }
    return true;
  });

  child.on('error', (error) => channel.stderr.write(`${error.message}\n`));
  child.on('close', (code, signal) => {
    fate.over = true;
    if (leader) place.ended(leader);
    fate.watched?.ended(code ?? -1);
    void answer(code, signal);
  });
  const answer = async (code: number | null, signal: NodeJS.Signals | null) => {
    const fault = fate.watched?.fault;
    if (fault?.after) await delay(fault);
    output.release(fault?.half ?? false);
    if (fault?.reset && fault.after) return place.hangUp();
    if (!fault?.noStatus && !fault?.half) {
      if (code === null) channel.exit(signal?.replace(/^SIG/, '') ?? 'KILL');
      else channel.exit(code < 0 ? 255 : code);
    }
    channel.end();
  };
  channel.on('close', () => {
    const goesOn = fate.lost || place.outlivesConnection();
    if (!fate.over && leader && !goesOn) void endSession(leader);
  });
}

/** The way from a command to its channel, which can be held up. */
function join(channel: ServerChannel, child: ChildProcessWithoutNullStreams) {
  child.stdout.pipe(channel, { end: false });
  child.stderr.pipe(channel.stderr, { end: false });
  // A client need not wait for the output.
  channel.on('error', () => undefined);
  const held: Buffer[] = [];
  const keep = (chunk: Buffer) => void held.push(chunk);
  return {
    hold(): void {
      child.stdout.unpipe(channel);
      child.stdout.on('data', keep);
    },
    release(half: boolean): void {
      const all = Buffer.concat(held.splice(0));
      if (all.length > 0) channel.write(half ? all.subarray(0, all.length / 2) : all);
    },
  };
}
