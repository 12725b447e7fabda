import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Does `work` while no other process does the same. The kernel frees the lock when this process ends,
 * however it ends: `flock` then sees the end of its input.
 */
export async function withLock(file, work, onWait) {
  mkdirSync(dirname(file), { recursive: true });
  const holder = spawn('flock', [file, 'sh', '-c', 'echo locked; cat'], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const waiting = setTimeout(() => onWait(), 500);
  // Where no lock can be had, set-ups at once are the user's affair.
  await new Promise((resolve) => {
    holder.on('error', resolve).on('close', resolve).stdout.once('data', resolve);
  });
  clearTimeout(waiting);
  try {
    return await work();
  } finally {
    holder.stdin.end();
  }
}
