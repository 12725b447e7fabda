import { createReadStream, existsSync } from 'node:fs';
import { basename } from 'node:path';
import { createInterface } from 'node:readline';
import { inspect } from 'node:util';
import type { Bench } from '../bench.js';
import type { Finding } from '../findings.js';

/** What may be written nowhere, whoever's lane it is: keys, and tokens as Keystone makes them. */
const neverWritten = ['PRIVATE KEY', 'gAAAAA'];

/** Whether one of these secrets, or what is a secret anyway, is in it. */
export const tellsSecret = (text: Buffer | string, secrets: string[]): boolean =>
  [...neverWritten, ...secrets].some((secret) => text.includes(secret));

/** What workers and Temporal wrote into their logs, and what callers were told, from the beginning of the bench. */
export async function lookForSecrets({ environment, lanes, callers }: Bench): Promise<Finding[]> {
  const secrets = lanes.flatMap((lane) => lane.secrets);
  const { temporal, workers } = environment;
  const files = [temporal, ...workers].map(({ logFile }) => logFile);
  return [...(await lookIntoLogs(files, secrets)), ...callers.findings];
}

/** A finding for each file, with the first line that tells a secret. Files that there are not are left out. */
export async function lookIntoLogs(files: string[], secrets: string[]): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const file of files.filter((one) => existsSync(one))) {
    let number = 0;
    for await (const line of createInterface({ input: createReadStream(file) })) {
      number += 1;
      if (!tellsSecret(line, secrets)) continue;
      findings.push({
        outcome: 'lost',
        text: `a secret is in ${basename(file)}, line ${number}`,
      });
      break;
    }
  }
  return findings;
}

/** Who calls a client, and what is wrong with the errors that they get. */
export class Callers {
  readonly findings: Finding[] = [];
  readonly #secrets: string[];

  constructor(secrets: string[]) {
    this.#secrets = secrets;
  }

  /** The same client, overheard. */
  overhear<T extends object>(client: T): T {
    return new Proxy(client, {
      get: (target, key) => {
        const value: unknown = Reflect.get(target, key, target);
        if (typeof value !== 'function') return value;
        return (...args: unknown[]): unknown => {
          const note = (error: unknown): never => {
            this.#hear(String(key), error);
            throw error;
          };
          try {
            const result: unknown = Reflect.apply(value, target, args);
            return result instanceof Promise ? result.catch(note) : result;
          } catch (error) {
            return note(error);
          }
        };
      },
    });
  }

  /** An error tells whatever it carries, with its causes. */
  #hear(call: string, error: unknown): void {
    const text = inspect(error, { depth: 8, maxStringLength: null });
    if (tellsSecret(text, this.#secrets)) {
      this.findings.push({ outcome: 'lost', text: `a secret is in an error of ${call}` });
    }
  }
}
