import { readdirSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';

/** A process that is told from a later one of the same number by when it started. */
export const ownedProcess = z.object({ pid: z.number(), startTime: z.string() });
export type OwnedProcess = z.infer<typeof ownedProcess>;

/** Returns undefined when there is no such process. */
export function identify(pid: number): OwnedProcess | undefined {
  const startTime = statFields(pid)?.[19];
  return startTime === undefined ? undefined : { pid, startTime };
}

/** A zombie no longer runs. */
export function isAlive({ pid, startTime }: OwnedProcess): boolean {
  const fields = statFields(pid);
  return fields?.[19] === startTime && fields[0] !== 'Z';
}

/**
 * Kills every process of the session that `leader` started, even when the leader is gone; with `graceMs` those that tidy up
 * when they are asked to end may do so first.
 */
export async function endSession(leader: OwnedProcess, graceMs = 0): Promise<void> {
  const now = identify(leader.pid);
  if (now && now.startTime !== leader.startTime) return;
  if (graceMs > 0) {
    const tidying = sessionMembers(leader.pid).filter(catchesTermination);
    // timeout(1) passes it on to all that it runs, also to what a shell tidies up with.
    const outer = new Set(tidying.map(parentOf));
    for (const pid of tidying) if (!outer.has(pid)) kill(pid, 'SIGTERM');
    for (let waitedMs = 0; waitedMs < graceMs; waitedMs += 20) {
      const members = sessionMembers(leader.pid);
      if (!tidying.some((pid) => members.includes(pid))) break;
      await sleep(20);
    }
  }
  for (;;) {
    const members = sessionMembers(leader.pid);
    if (members.length === 0) return;
    for (const pid of members) kill(pid, 'SIGKILL');
    await sleep(2);
  }
}

function sessionMembers(sessionId: number): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => {
      const fields = Number.isInteger(pid) ? statFields(pid) : undefined;
      return fields?.[3] === String(sessionId) && fields[0] !== 'Z';
    });
}

function parentOf(pid: number): number {
  return Number(statFields(pid)?.[1]);
}

function catchesTermination(pid: number): boolean {
  try {
    const caught = /^SigCgt:\t([0-9a-f]+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return (BigInt(`0x${caught ?? 0}`) & (1n << BigInt(constants.signals.SIGTERM - 1))) !== 0n;
  } catch {
    return false;
  }
}

/** Asks a process to end, kills it when it has not within `graceMs`, and returns when it is gone. */
export async function endProcess(process: OwnedProcess, graceMs: number): Promise<void> {
  if (isAlive(process)) kill(process.pid, graceMs > 0 ? 'SIGTERM' : 'SIGKILL');
  for (let waitedMs = 0; isAlive(process); waitedMs += 20) {
    if (waitedMs >= graceMs) kill(process.pid, 'SIGKILL');
    await sleep(20);
  }
}

/** The fields of /proc/PID/stat after the command's name: state, parent, group, session … */
function statFields(pid: number): string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It ended between the look and the signal.
  }
}
