import { readFile, rename, writeFile } from 'node:fs/promises';
import type { z } from 'zod';
import { isMissing } from '../is-missing.js';

/** Written beside and renamed, so that a crash leaves the old state or the new one; for the owner only. */
export async function writeState(file: string, state: unknown): Promise<void> {
  await writeFile(`${file}.new`, JSON.stringify(state, null, 1), { mode: 0o600 });
  await rename(`${file}.new`, file);
}

/** Returns undefined when there is no such file. */
export async function readState<T>(file: string, schema: z.ZodType<T>): Promise<T | undefined> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    if (isMissing(error)) return undefined;
    throw error;
  });
  return text === undefined ? undefined : schema.parse(JSON.parse(text));
}
