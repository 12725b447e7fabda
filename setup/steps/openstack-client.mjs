import { join } from 'node:path';
import { CommandFailed, isExecutable } from '../commands.mjs';
import { linkProgram } from '../link-program.mjs';
import { installFromPyPi } from '../python.mjs';
import { SetupError } from '../setup-error.mjs';
import { programs, project } from '../tools.mjs';

const requirement = 'python-openstackclient==10.5.0';
const environment = join(project, '.hawser/openstackclient');
const target = join(programs, 'openstack');

/** The real command line, with which a test proves the embedded cloud. */
export const openstackClient = {
  name: 'openstack command line',
  after: ['Debian packages'],
  missing: () => (isExecutable(target) ? undefined : requirement),

  async install() {
    try {
      await installFromPyPi(requirement, environment);
    } catch (error) {
      const output = error instanceof CommandFailed ? `\n${error.excerpt}` : '';
      throw new SetupError(
        `${error.message}${output}\n  ${requirement} comes from PyPI: it must be reachable, or PIP_INDEX_URL name a mirror of it.`,
      );
    }
    linkProgram(join(environment, 'bin/openstack'), target);
  },
};
