import type { Readable, Writable } from 'node:stream';
import type { ServerChannel } from 'ssh2';
import { delay } from '../../fault-hooks.js';
import type { HostWatch, WatchedCommand } from '../hosts.js';
import { readInput } from './command-input.js';
import { programsOf } from './programs-of.js';

/** A command that runs, wherever that is. */
export interface RunningCommand {
  /** As the shell got it. */
  text: string;
  stdin: Writable;
  stdout: Readable;
  stderr: Readable;
  /** How it ended, once its output has ended too; undefined when nobody learns it. */
  ended: Promise<number | { signal: string } | undefined>;
}

export interface Watching {
  /** Ends the connection that the command came by. */
  hangUp(): void;
  watch: HostWatch;
}

/** Joins a command to its channel, and lets happen to it what is planned. `fate.lost` says that it has to go on alone. */
export function joinWatched(
  channel: ServerChannel,
  command: RunningCommand,
  watching: Watching,
): { lost: boolean } {
  const fate: { watched?: WatchedCommand; lost: boolean } = { lost: false };
  const at = Date.now();
  const output = join(channel, command);

  readInput(channel, command.stdin, async (name) => {
    fate.watched = watching.watch.named(name);
    await fate.watched.begins();
    const { fault } = fate.watched;
    if (!fault) return true;
    if (fault.after ?? fault.half ?? fault.noStatus) output.hold();
    else if (!fault.midway) await delay(fault);
    if (fault.between) output.atEndOfPart(() => watching.hangUp());
    if (fault.midway) {
      fate.lost = true;
      void delay(fault).then(() => watching.hangUp());
    } else if (fault.reset && !fault.after) {
      watching.hangUp();
      return false;
    }
    return true;
  });

  const answer = async () => {
    const ending = await command.ended;
    const status = typeof ending === 'number' ? ending : -1;
    if (fate.watched) fate.watched.ended(status);
    // One that lost its connection may just not have come to say its name.
    else if (!channel.destroyed)
      watching.watch.unnamed({ programs: programsOf(command.text), status, at });
    const fault = fate.watched?.fault;
    if (fault?.after) await delay(fault);
    output.release(fault?.half ?? false);
    if (fault?.reset && fault.after) return watching.hangUp();
    if (ending !== undefined && !fault?.noStatus && !fault?.half) {
      if (typeof ending === 'number') channel.exit(ending);
      else channel.exit(ending.signal);
    }
    channel.end();
  };
  void answer();
  return fate;
}

/** The way from a command to its channel, which can be held up. */
function join(channel: ServerChannel, { stdout, stderr }: RunningCommand) {
  stdout.pipe(channel, { end: false });
  stderr.pipe(channel.stderr, { end: false });
  // A client need not wait for the output.
  channel.on('error', () => undefined);
  const held: Buffer[] = [];
  const keep = (chunk: Buffer) => void held.push(chunk);
  return {
    hold(): void {
      stdout.unpipe(channel);
      stdout.on('data', keep).resume();
    },
    /** The parts of a command end with a NUL each. */
    atEndOfPart(tell: () => void): void {
      stdout.on('data', (chunk: Buffer) => {
        if (chunk.includes(0)) tell();
      });
    },
    release(half: boolean): void {
      const all = Buffer.concat(held.splice(0));
      if (all.length > 0) channel.write(half ? all.subarray(0, all.length / 2) : all);
    },
  };
}
