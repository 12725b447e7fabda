import { mkdirSync, renameSync, symlinkSync } from 'node:fs';
import { dirname } from 'node:path';

/** Makes `link` a symbolic link to `file`, at once, whatever it was before. */
export function linkProgram(file, link) {
  mkdirSync(dirname(link), { recursive: true });
  const beside = `${link}.${process.pid}`;
  symlinkSync(file, beside);
  renameSync(beside, link);
}
