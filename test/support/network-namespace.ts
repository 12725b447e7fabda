import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { promisify } from 'node:util';
import { createRun, type Run } from '../../host-interface/programs.js';

const execute = promisify(execFile);

/** Undefined where a test may make network namespaces; otherwise why not. */
export const noNamespaces: string | undefined =
  process.getuid?.() === 0 ? undefined : 'network namespaces need root';

export interface NetworkNamespace {
  name: string;
  /** Runs programs in it, as a host that has nothing else. */
  run: Run;
  remove(): Promise<void>;
}

/** A network namespace of one test. */
export async function createNamespace(): Promise<NetworkNamespace> {
  const name = `hawser-test-${randomUUID().slice(0, 8)}`;
  await execute('ip', ['netns', 'add', name]);
  return {
    name,
    run: createRun(['ip', 'netns', 'exec', name]),
    remove: async () => {
      await execute('ip', ['netns', 'del', name]);
    },
  };
}
