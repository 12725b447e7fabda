import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { endProcess, identify } from '../processes.js';

/** Runs `ip -batch` over these lines; in a namespace, or where this process is. @throws Error with ip's words */
export async function ipBatch(lines: string[], namespace?: string): Promise<void> {
  if (lines.length === 0) return;
  const within = namespace === undefined ? [] : ['-n', namespace];
  await runProgram(['ip', ...within, '-batch', '-'], lines.join('\n'));
}

export async function inNamespace(namespace: string, command: string[]): Promise<string> {
  return runProgram(['ip', 'netns', 'exec', namespace, ...command]);
}

/** Returns what it wrote to standard output. @throws Error with the command and its standard error */
export async function runProgram(
  [program = '', ...args]: string[],
  input?: string,
): Promise<string> {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const [output, problems, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close') as Promise<[number | null]>,
  ]);
  if (code !== 0) {
    throw new Error(
      `${program} ${args.join(' ')} failed (${code ?? 'killed'}): ${problems.trim()}`,
    );
  }
  return output;
}

export async function listNamespaces(prefix: string): Promise<string[]> {
  const all = await readdir('/run/netns').catch(() => []);
  return all.filter((name) => name.startsWith(prefix));
}

/** Ends every process in the namespaces of this prefix, and the namespaces. */
export async function endNamespaces(prefix: string): Promise<void> {
  for (const name of await listNamespaces(prefix)) {
    const pids = (await runProgram(['ip', 'netns', 'pids', name])).split('\n').filter(Boolean);
    for (const pid of pids) {
      const owned = identify(Number(pid));
      if (owned) await endProcess(owned, 0);
    }
    await ipBatch([`netns del ${name}`]);
  }
}
