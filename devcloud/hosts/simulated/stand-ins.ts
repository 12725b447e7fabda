import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const here = import.meta.dirname;

export interface HostPlace {
  root: string;
  /** A folder with the machine's harmless tools; see `toolbox.ts`. */
  tools: string;
}

/**
 * All that a command on a simulated host gets: nothing of the developer's own environment. `seen` is what the paths of
 * the host begin with for it: its root, or nothing where that is the command's own.
 */
export function hostEnvironment({ root, tools }: HostPlace, seen = root): Record<string, string> {
  return {
    PATH: `${join(here, 'bin')}:${tools}`,
    SIMULATED_ROOT: root,
    ...(seen !== '' && { HAWSER_ROOT: seen }),
    HOME: `${seen}/home/manila`,
    TMPDIR: `${seen}/tmp`,
    USER: 'manila',
    LOGNAME: 'manila',
    SHELL: '/bin/bash',
    LANG: 'C.UTF-8',
    // Otherwise bash takes a socket on its standard input for rshd's and reads the developer's bashrc.
    SHLVL: '3',
  };
}

/** What the hardware and the boot of a host do, written like its tools: see `lib/`. */
export async function runStandIn(
  script: 'install' | 'boot' | 'halt' | 'unplug',
  place: HostPlace,
  ...args: string[]
): Promise<void> {
  await run('/bin/bash', [join(here, 'lib', script), ...args], { env: hostEnvironment(place) });
}
