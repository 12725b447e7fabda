import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { serviceImagePath, temporalPath } from '../setup/tools.mjs';
import { isEmbedded } from './cloud.js';
import type { EnvironmentOptions } from './environment.js';
import { childEnvironment, ensureKeyPair, type KeyPair } from './files.js';
import { freePort, requirePort } from './ports.js';

/** Where everything of an environment is, decided before anything starts. */
export interface Plan extends Omit<EnvironmentOptions, 'ports'> {
  temporalProgram: string;
  imageFile: string;
  ports: { temporal: number; webUi: number; cloud: number };
  temporalAddress: string;
  webUiUrl: string;
  configPath: string;
  keys: KeyPair;
  env: NodeJS.ProcessEnv;
}

/** Throws when a program or image is missing, naming the command that gets it. */
export async function makePlan(stateDir: string, options: EnvironmentOptions): Promise<Plan> {
  const temporalProgram = temporalPath();
  const wanted = options.ports ?? {};
  const ports = {
    temporal: await portFor(wanted.temporal, 'Temporal', '--temporal-port'),
    webUi: await portFor(wanted.webUi, "Temporal's Web UI", '--ui-port'),
    cloud: await portFor(wanted.cloud, 'the embedded cloud', '--cloud-port'),
  };
  const temporalAddress = `127.0.0.1:${ports.temporal}`;
  return {
    ...options,
    stateDir,
    temporalProgram,
    imageFile:
      isEmbedded(options.cloud) && options.cloud.hosts === 'qemu'
        ? serviceImagePath()
        : stubImage(stateDir),
    ports,
    temporalAddress,
    webUiUrl: `http://127.0.0.1:${ports.webUi}`,
    configPath: join(stateDir, 'hawser.yaml'),
    keys: ensureKeyPair(join(stateDir, 'ssh')),
    env: childEnvironment(stateDir, temporalAddress),
  };
}

/** The wanted port if it is free, else any. `option` is the flag of `hawser dev` that changes it. */
async function portFor(wanted: number | undefined, what: string, option: string): Promise<number> {
  if (wanted === undefined) return freePort();
  await requirePort(wanted, what, option);
  return wanted;
}

/** Simulated hosts boot nothing, but the cloud's image list wants a file. */
function stubImage(stateDir: string): string {
  const file = join(stateDir, 'no-image');
  writeFileSync(file, 'simulated hosts boot no image\n');
  return file;
}
