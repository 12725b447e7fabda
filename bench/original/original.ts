import { spawn } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { manilaPython } from '../../setup/tools.mjs';
import type { Settings } from './settings.js';

export type Protocol = 'NFS' | 'CIFS';

/** What the driver does; ids are UUIDs, given by whoever asks. */
export type Command =
  | { command: 'setUpServer'; server: string; network: string; subnet: string }
  | { command: 'tearDownServer'; server: string }
  | {
      command: 'createShare';
      /** None where there is one server for all. */
      server?: string;
      share: string;
      protocol: Protocol;
      size: number;
      /** Filled from this one. */
      snapshot?: string;
    }
  | { command: 'deleteShare'; share: string }
  | {
      command: 'manageShare';
      share: string;
      protocol: Protocol;
      location: string;
      volume: string;
    }
  | { command: 'unmanageShare'; share: string }
  | { command: 'allowAccess'; share: string; to: string; level: 'ro' | 'rw' }
  | { command: 'denyAccess'; share: string; to: string }
  | { command: 'extendShare' | 'shrinkShare'; share: string; size: number }
  | { command: 'ensureShare'; share: string }
  | { command: 'createSnapshot'; share: string; snapshot: string }
  | { command: 'deleteSnapshot'; snapshot: string };

const answerSchema = z.object({
  ok: z.boolean(),
  error: z.string().optional(),
  /** Where in the driver it came from. */
  trace: z.string().optional(),
  /** Inside the driver. */
  ms: z.number(),
  result: z.unknown().optional(),
});
const numbered = answerSchema.extend({ id: z.number() });

const keptOfErrors = 4000;

export type Answer = z.output<typeof answerSchema>;

/** The original did not do what it was told; the message has its reason. */
export class OriginalFailed extends Error {
  override readonly name = 'OriginalFailed';
}

/** OpenStack Manila's generic driver, in a process of its own. */
export interface Original {
  /** @throws OriginalFailed */
  run(command: Command): Promise<Answer>;
  /** All at once, as manila-share takes requests; one's failure is told in its answer. */
  many(commands: Command[]): Promise<{ ms: number; answers: Answer[] }>;
  close(): Promise<void>;
}

export async function startOriginal(settings: Settings): Promise<Original> {
  await mkdir(join(settings.stateDir, 'locks'), { recursive: true });
  const file = join(settings.stateDir, 'settings.json');
  await writeFile(file, JSON.stringify(settings));
  const driver = spawn(manilaPython(), [join(import.meta.dirname, 'driver.py'), file], {
    env: environment(),
  });
  let lastWords = '';
  driver.stderr
    .setEncoding('utf8')
    .on('data', (text: string) => (lastWords = (lastWords + text).slice(-keptOfErrors)));
  driver.stdin.on('error', () => undefined);
  const ended = once(driver, 'close');
  const lines = createInterface({ input: driver.stdout })[Symbol.asyncIterator]();
  const nextLine = async (): Promise<unknown> => {
    const { done, value } = await lines.next();
    if (done) throw new OriginalFailed(`It ended: ${lastWords}`);
    return JSON.parse(value);
  };

  let last: Promise<unknown> = nextLine();
  await last;
  let count = 0;
  const send = (command: object): Promise<Answer> => {
    const id = (count += 1);
    const answer = last.then(async () => {
      driver.stdin.write(`${JSON.stringify({ id, ...command })}\n`);
      return numbered.parse(await nextLine());
    });
    last = answer.catch(() => undefined);
    return answer;
  };
  return {
    async run(command) {
      const answer = await send(command);
      if (answer.ok) return answer;
      throw new OriginalFailed(`${command.command}: ${answer.error}`, { cause: answer.trace });
    },
    async many(commands) {
      const { ms, result } = await send({ command: 'many', commands });
      return { ms, answers: z.array(answerSchema).parse(result) };
    },
    async close() {
      driver.stdin.end();
      await ended;
    },
  };
}

/** Nothing of another cloud, and no proxy on the way to this one. */
function environment(): NodeJS.ProcessEnv {
  const others = /^(OS_|SSH_|HAWSER_|https?_proxy$|all_proxy$)/i;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !others.test(name)));
}
