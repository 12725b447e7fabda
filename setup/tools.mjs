import { execFileSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The checkout. */
export const project = dirname(dirname(fileURLToPath(import.meta.url)));

/** Where set-up puts the programs it found or installed: links or files, ready to run. */
export const programs = join(project, '.hawser/bin');

export const temporalPath = () => prepared(join(programs, 'temporal'), 'The Temporal CLI');

export const openstackPath = () =>
  prepared(join(programs, 'openstack'), 'The openstack command line');

/** The Python that has Manila. */
export const manilaPython = () =>
  prepared(join(project, '.hawser/manila/bin/python'), 'Manila', 'node setup/main.mjs bench');

export const serviceImagePath = () => prepared(serviceImageOutput(), 'The service image');

/** Where the image of the present recipe is or will be. */
export const serviceImageOutput = () =>
  execFileSync(join(project, 'image/build'), ['--print-path'], { encoding: 'utf8' }).trim();

function prepared(file, what, command = 'npm run setup') {
  try {
    accessSync(file, constants.R_OK);
  } catch {
    throw new Error(`${what} is not there yet (${file}). Run: ${command}`);
  }
  return file;
}
