import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CommandFailed } from '../commands.mjs';
import { installFromPyPi } from '../python.mjs';
import { SetupError } from '../setup-error.mjs';
import { project } from '../tools.mjs';

const requirement = 'manila==23.0.1';
const constraints = join(project, 'bench/original/constraints.txt');
const environment = join(project, '.hawser/manila');
/** Says what was installed, once all of it was. */
const installed = join(environment, 'installed');

const read = (file) => {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
};
const wanted = () => `${requirement}\n${read(constraints)}`;

/** OpenStack Manila itself, whose generic driver the bench measures beside Hawser. */
export const manila = {
  name: 'Manila',
  after: ['Debian packages'],
  missing: () => (read(installed) === wanted() ? undefined : requirement),

  async install() {
    try {
      await installFromPyPi(requirement, environment, ['--constraint', constraints]);
    } catch (error) {
      const output = error instanceof CommandFailed ? `\n${error.excerpt}` : '';
      throw new SetupError(
        `${error.message}${output}\n  ${requirement} comes from PyPI: it must be reachable, or PIP_INDEX_URL name a mirror of it.`,
      );
    }
    writeFileSync(installed, wanted());
  },
};
