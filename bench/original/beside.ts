import { join } from 'node:path';
import { ensureKeyPair } from '../../dev/files.js';
import type { UndoStack } from '../../dev/undo-stack.js';
import type { Bench } from '../hawser.js';
import { startOriginal, type Original } from './original.js';
import { ownOptions } from './settings.js';

/** The original on the cloud that Hawser works on. */
export async function openOriginal(undo: UndoStack, { environment }: Bench): Promise<Original> {
  const original = await startOriginal({
    cloudsYaml: environment.cloudsYaml,
    cloud: 'hawser',
    sshProxy: environment.cloudUrl,
    stateDir: join(environment.stateDir, 'original'),
    options: ownOptions(ensureKeyPair(join(environment.stateDir, 'ssh'))),
  });
  undo.push(() => original.close());
  return original;
}
