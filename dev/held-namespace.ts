import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** A network namespace that lives as long as the process that holds it. */
export interface HeldNamespace {
  pid: number;
  /** Prefix a command with these words and it runs there. */
  command: string[];
  /** Ends it with all its interfaces. Safe to repeat. */
  release(): Promise<void>;
}

/** Makes a network namespace without a name, so that even a killed process leaves none behind. */
export async function holdNamespace(): Promise<HeldNamespace> {
  // It ends when its input does: at release, or with us.
  const holder = spawn('unshare', ['--net', 'cat'], { stdio: ['pipe', 'pipe', 'pipe'] });
  const ended = once(holder, 'close');
  const problems: Buffer[] = [];
  holder.stderr.on('data', (chunk: Buffer) => problems.push(chunk));
  holder.stdin.on('error', () => undefined);
  // What comes back says that the new namespace is there.
  holder.stdin.write('ready\n');
  const answer = once(holder.stdout, 'data').then(() => 'ready');
  const outcome = await Promise.race([answer, ended.then(() => 'ended')]);
  const { pid } = holder;
  if (outcome === 'ended' || pid === undefined) {
    throw new Error(`No network namespace: ${Buffer.concat(problems).toString().trim()}`);
  }
  return {
    pid,
    command: ['nsenter', `--net=/proc/${pid}/ns/net`, '--'],
    release: async () => {
      holder.stdin.end();
      await ended;
    },
  };
}
