import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { vi } from 'vitest';
import { openstackPath } from '../../setup/tools.mjs';

/**
 * One process of the real command line, which reads commands from its standard input: a process for each
 * command would cost a second each.
 */
export class OpenstackShell {
  readonly #child: ChildProcessWithoutNullStreams;
  #printed = '';
  #complaints = '';

  constructor(cloudsYaml: string, user: 'demo' | 'admin') {
    const settings = { OS_CLIENT_CONFIG_FILE: cloudsYaml, OS_CLOUD: user, PYTHONUNBUFFERED: '1' };
    this.#child = spawn(openstackPath(), [], { env: { ...process.env, ...settings } });
    this.#child.stdout.setEncoding('utf8').on('data', (text: string) => (this.#printed += text));
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => (this.#complaints += text));
  }

  /** Answers with the documents that the commands print as JSON; rejects with the first complaint. */
  async run(...commands: string[]): Promise<unknown[]> {
    this.#child.stdin.write(`${[...commands, endMark].join('\n')}\n`);
    const printed = await vi.waitFor(() => this.#untilMark(), { timeout: 50_000, interval: 20 });
    if (this.#complaints) throw new Error(this.#complaints);
    return documents(printed);
  }

  async close(): Promise<void> {
    const exited = once(this.#child, 'exit');
    this.#child.stdin.end();
    await exited;
  }

  #untilMark(): string {
    const [printed = '', ...rest] = this.#printed.split(`${mark}\n`);
    if (rest.length === 0) throw new Error(`No end of the answer: ${this.#complaints}`);
    this.#printed = rest.join('');
    return printed;
  }
}

const mark = 'end of the answer';
const endMark = `shell echo ${mark}`;

/** Documents follow each other; each ends with a bracket in the first column. */
function documents(printed: string): unknown[] {
  const parts = printed.split(/(?<=^(?:[\]}]|\[\]|\{\}))\n+/m);
  return parts.filter((part) => part.trim() !== '').map((part) => JSON.parse(part));
}
