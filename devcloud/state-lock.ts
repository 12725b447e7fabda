import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { identify, isAlive, ownedProcess, type OwnedProcess } from './hosts/processes.js';

/** Keeps two processes from working on one state directory. Returns what gives it free again. */
export function lockState(directory: string): () => void {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const file = join(directory, 'lock.json');
  const holder = holderOf(file);
  if (holder && isAlive(holder)) {
    throw new Error(
      `${directory} is in use by process ${holder.pid}: end that one, or choose another directory`,
    );
  }
  rmSync(file, { force: true });
  // Of two that start at once, only one can make the file.
  writeFileSync(file, JSON.stringify(identify(process.pid)), { flag: 'wx' });
  return () => rmSync(file, { force: true });
}

function holderOf(file: string): OwnedProcess | undefined {
  try {
    return ownedProcess.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    // Nobody holds it, or whoever wrote it was killed while writing.
    return undefined;
  }
}
