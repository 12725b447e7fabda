import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { runProgram } from './ip-command.js';

/** Builds the drive that a guest finds by its label `config-2`. It holds a private host key. */
export async function buildConfigDrive(
  content: Record<string, string>,
  isoFile: string,
): Promise<void> {
  const folder = await mkdtemp(join(dirname(isoFile), 'drive-'));
  try {
    for (const [path, text] of Object.entries(content)) {
      await mkdir(dirname(join(folder, path)), { recursive: true, mode: 0o700 });
      await writeFile(join(folder, path), text, { mode: 0o600 });
    }
    // Made for the owner only before anything is in it.
    await writeFile(isoFile, '', { mode: 0o600 });
    await runProgram([
      'genisoimage',
      '-quiet',
      '-V',
      'config-2',
      '-J',
      '-r',
      '-o',
      isoFile,
      folder,
    ]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
