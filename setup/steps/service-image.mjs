import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { CommandFailed, run } from '../commands.mjs';
import { SetupError } from '../setup-error.mjs';
import { project, serviceImageOutput } from '../tools.mjs';

const build = join(project, 'image/build');

export const serviceImage = {
  name: 'service image',
  after: ['Debian packages'],
  missing: () => (existsSync(serviceImageOutput()) ? undefined : 'the image of the present recipe'),

  async install(say) {
    if (process.getuid() !== 0) {
      throw new SetupError(
        `only root can build it (a loop device, file owners).\n  Run: sudo ${build}`,
      );
    }
    try {
      await run([build], { onLine: (line) => say(line.replace(/^service image: /, '')) });
    } catch (error) {
      if (!(error instanceof CommandFailed)) throw error;
      throw new SetupError(
        `${error.message}\n${error.excerpt}\n  Once that is put right, run: ${build}`,
      );
    }
  },
};
