import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CommandFailed, run } from '../commands.mjs';
import { SetupError } from '../setup-error.mjs';
import { project } from '../tools.mjs';

// Not `npm ci`: it refuses a lockfile whose registry lacks packages for other platforms, which nobody needs here.
const npm = ['npm', 'install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error'];

export const npmPackages = {
  name: 'npm packages',

  missing() {
    const installed = lockedPackages('node_modules/.package-lock.json');
    if (!installed) return 'all of package-lock.json';
    const wanted = Object.entries(lockedPackages('package-lock.json') ?? {});
    const stale = wanted.filter(
      ([path, { version, optional }]) =>
        path !== '' && (path in installed ? installed[path].version !== version : !optional),
    );
    return stale.length > 0 ? `${stale.length} that package-lock.json changed` : undefined;
  },

  async install() {
    try {
      await run(npm, { cwd: project });
    } catch (error) {
      if (!(error instanceof CommandFailed)) throw error;
      throw new SetupError(
        `${error.message}\n${error.excerpt}\n  Once that is put right, run: (cd ${project} && ${npm.join(' ')})`,
      );
    }
  },
};

/** npm keeps in node_modules a lockfile of what is really there, written when it has finished. */
function lockedPackages(file) {
  try {
    return JSON.parse(readFileSync(join(project, file), 'utf8')).packages;
  } catch {
    return undefined;
  }
}
