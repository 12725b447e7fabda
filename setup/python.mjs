import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './commands.mjs';

/** A Python that can make virtual environments, undefined when there is none. Debian splits that part off. */
export async function findPython() {
  for (const python of ['python3', '/usr/bin/python3']) {
    const able = await run([python, '-c', 'import ensurepip, venv']).then(
      () => true,
      () => false,
    );
    if (able) return python;
  }
  return undefined;
}

/** Installs a requirement of PyPI's into a new virtual environment. */
export async function installFromPyPi(requirement, directory, options = []) {
  const python = await findPython();
  if (!python) throw new Error('no Python 3 with the venv module');
  rmSync(directory, { recursive: true, force: true });
  await run([python, '-m', 'venv', directory]);
  const pip = [
    join(directory, 'bin/python'),
    '-m',
    'pip',
    '--disable-pip-version-check',
    'install',
  ];
  const patience = ['--retries', '1', '--timeout', '20'];
  await run([...pip, '--quiet', '--no-input', ...patience, ...options, requirement]);
}

/** Does `work` with an empty directory that is gone afterwards, or when an interrupted set-up is repeated. */
export async function withScratchDirectory(directory, work) {
  const remove = () => rmSync(directory, { recursive: true, force: true });
  remove();
  mkdirSync(directory, { recursive: true });
  try {
    return await work(directory);
  } finally {
    remove();
  }
}
