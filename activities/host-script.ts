import { readFileSync } from 'node:fs';
import { Context } from '@temporalio/activity';
import type { InstanceHost } from '../workflows/model.js';
import type { Backends } from './backend.js';
import { passing } from './failures.js';

const textOf = (file: string): string =>
  readFileSync(new URL(`./scripts/${file}.sh`, import.meta.url), 'utf8');

/** Functions that scripts share, of `activities/scripts/lib`. */
type Library = 'await-device' | 'fstab-line' | 'replace' | 'superblock' | 'top-mount';

/**
 * Makes a function that runs a script of `activities/scripts` as root on a service instance, after the libraries that it
 * calls, in one round trip. Arguments reach the script as data. Answers with what it wrote to standard output.
 */
export function hostScript(
  backends: Backends,
  file: string,
  timeoutMs: number,
  ...libraries: Library[]
) {
  const script = [...libraries.map((one) => `lib/${one}`), file].map(textOf).join('\n');
  return async (host: InstanceHost, ...args: string[]): Promise<string> => {
    const { stdout } = await backends(host.backend).ssh.run(
      { address: host.address, hostKey: host.hostKey },
      { name: file, script, args, timeoutMs },
      { signal: Context.current().cancellationSignal },
    );
    return stdout;
  };
}

/** As many whole numbers as a script has to print, apart by blanks; `CommandFailed` when it printed anything else. */
export function numbersIn(
  answer: string,
  count: number,
  script: string,
  { address }: Pick<InstanceHost, 'address'>,
): number[] {
  const words = answer.trim().split(/\s+/);
  if (words.length === count && words.every((word) => /^\d{1,15}$/.test(word)))
    return words.map(Number);
  throw passing(
    'CommandFailed',
    `${script} on ${address} printed ${JSON.stringify(answer.slice(0, 200))}, and ${count === 1 ? 'a number' : `${count} numbers`} was expected`,
  );
}
