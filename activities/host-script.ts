import { readFileSync } from 'node:fs';
import { Context } from '@temporalio/activity';
import type { InstanceHost } from '../workflows/model.js';
import type { Backends } from './backend.js';
import { passing } from './failures.js';

const textOf = (file: string): string =>
  readFileSync(new URL(`./scripts/${file}.sh`, import.meta.url), 'utf8');

/** Functions that scripts share, of `activities/scripts/lib`. */
type Library =
  'await-device' | 'exports' | 'fstab-line' | 'replace' | 'resizing' | 'superblock' | 'top-mount';

/** A script of `activities/scripts` after the libraries that it calls, run as root. */
interface Script {
  name: string;
  text: string;
  timeoutMs: number;
}

export function scriptOf(file: string, timeoutMs: number, ...libraries: Library[]): Script {
  const text = [...libraries.map((one) => `lib/${one}`), file].map(textOf).join('\n');
  return { name: file, text, timeoutMs };
}

/** A script with its arguments, which reach it as data, and what its standard output means. */
export interface HostTask<Meaning> {
  script: Script;
  args: string[];
  read: (output: string) => Meaning;
}

/** Makes a function that runs a script on a service instance in one round trip, and answers with its standard output. */
export function hostScript(
  backends: Backends,
  file: string,
  timeoutMs: number,
  ...libraries: Library[]
) {
  const script = scriptOf(file, timeoutMs, ...libraries);
  return async (host: InstanceHost, ...args: string[]): Promise<string> =>
    run(backends, host, script, args);
}

export async function runTask<Meaning>(
  backends: Backends,
  host: InstanceHost,
  { script, args, read }: HostTask<Meaning>,
): Promise<Meaning> {
  return read(await run(backends, host, script, args));
}

/**
 * Runs one task after the other in one round trip, and answers with what the last one means. None begins after one that
 * failed, or when nobody is there any more to learn of it; a repeat begins with the first.
 */
export async function runInTurn<Meaning>(
  backends: Backends,
  host: InstanceHost,
  ...tasks: [...HostTask<unknown>[], HostTask<Meaning>]
): Promise<Meaning> {
  let before = 0;
  const parts = tasks.map(({ script, args }) => {
    const own = `"\${@:${before + 1}:${args.length}}"`;
    before += args.length;
    // A shell of its own: what one traps, locks or defines is not the next one's.
    return `(\nset -- ${own}\n${script.text}\n)\n`;
  });
  // It also is where a shell dies whose connection was closed meanwhile.
  const text = parts.join("printf '\\0'\n");
  const name = tasks.map(({ script }) => script.name).join('-and-');
  const timeoutMs = tasks.reduce((sum, { script }) => sum + script.timeoutMs, 0);
  const args = tasks.flatMap((task) => task.args);
  const outputs = (await run(backends, host, { name, text, timeoutMs }, args)).split('\0');
  if (outputs.length !== tasks.length) {
    throw passing(
      'CommandFailed',
      `${name} on ${host.address} printed ${JSON.stringify(outputs.join(' ').slice(0, 200))}, and ${tasks.length} parts were expected`,
    );
  }
  const meanings = tasks.map(({ read }, index) => read(outputs[index] ?? ''));
  return meanings.at(-1) as Meaning;
}

async function run(
  backends: Backends,
  { backend, address, hostKey }: InstanceHost,
  { name, text, timeoutMs }: Script,
  args: string[],
): Promise<string> {
  const { stdout } = await backends(backend).ssh.run(
    { address, hostKey },
    { name, script: text, args, timeoutMs },
    { signal: Context.current().cancellationSignal },
  );
  return stdout;
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
