import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readFile, readdir, rename, stat, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, type WorkflowBundle } from '@temporalio/worker';

const workflows = fileURLToPath(new URL('../workflows/', import.meta.url));
/** What else goes into the bundle: the packages that workflows may import. */
const packages = ['@temporalio/workflow', '@temporalio/common', 'ipaddr.js'];

/** Nobody but its user may put code there. */
const defaultFolder = (): string =>
  join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'hawser');

/**
 * The workflows' code. Making it is most of what a worker does before it takes over from one that died, so it is kept for
 * as long as the sources are the same; where nothing can be kept, it is made at each start.
 */
export async function loadWorkflowBundle(folder = defaultFolder()): Promise<WorkflowBundle> {
  const file = join(folder, `workflows-${await fingerprint()}.js`);
  const kept = await readOwn(file);
  if (kept !== undefined) return { code: kept };
  const { code } = await bundleWorkflowCode({ workflowsPath: join(workflows, 'index.ts') });
  await keep(folder, file, code).catch(() => undefined);
  return { code };
}

async function fingerprint(): Promise<string> {
  const hash = createHash('sha256');
  for (const name of (await readdir(workflows)).toSorted()) {
    hash.update(`${name}\0`).update(await readFile(join(workflows, name)));
  }
  for (const name of packages) hash.update(await manifestOf(name));
  return hash.digest('hex').slice(0, 32);
}

/** It says which version is installed. */
async function manifestOf(name: string): Promise<string> {
  const require = createRequire(import.meta.url);
  for (const folder of require.resolve.paths(name) ?? []) {
    const text = await readFile(join(folder, name, 'package.json'), 'utf8').catch(() => undefined);
    if (text !== undefined) return text;
  }
  throw new Error(`the package ${name} is not installed`);
}

async function readOwn(file: string): Promise<string | undefined> {
  try {
    const { uid, mode } = await stat(file);
    if (uid !== process.getuid?.() || (mode & 0o022) !== 0) return undefined;
    return await readFile(file, 'utf8');
  } catch {
    return undefined;
  }
}

/** Two workers may start at once: each writes a file of its own, and the later one stays. */
async function keep(folder: string, file: string, code: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const beside = `${file}.${randomUUID()}`;
  await writeFile(beside, code, { mode: 0o600 });
  await rename(beside, file);
}
