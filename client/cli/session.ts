import type { Command } from 'commander';
import { HawserError } from '../errors.js';
import type { HawserClient } from '../hawser-client.js';
import type { Progress } from '../progress.js';
import { printableJson } from './tables.js';

/** What a command works with. */
export interface Session {
  /** Call it after what can be checked without Temporal; it is closed when the command ends. */
  connect: () => Promise<HawserClient>;
  /** Prints the result, once: as one JSON document, or as text for people. */
  result: (json: unknown, text: () => string) => void;
  /** Runs something long with the running step shown; Ctrl-C leaves it going on and says so. */
  waiting: <T>(wait: Wait<T>) => Promise<T>;
}

export interface Wait<T> {
  /** `Creating share x`. */
  what: string;
  /** The command that shows how it goes on. */
  watchWith: string;
  run: (options: Watching) => Promise<T>;
}

export interface Watching {
  signal: AbortSignal;
  onProgress: (progress: Progress<unknown>) => void;
}

export interface GlobalOptions {
  output: 'table' | 'json';
  address?: string;
  namespace?: string;
}

/** A person stopped looking; what they looked at goes on. */
export class StoppedWatching extends HawserError {
  readonly type = 'StoppedWatching';
}

/** The action of a command that speaks to Temporal. */
export function withSession<Args extends unknown[]>(
  run: (session: Session, ...args: Args) => Promise<void>,
): (...args: [...Args, Command]) => Promise<void> {
  return async (...args) => {
    const command = args.at(-1) as Command;
    const { output, address, namespace } = command.optsWithGlobals<GlobalOptions>();
    const clients: HawserClient[] = [];
    const connect = async () => {
      // Loaded here so that --help and mistakes are answered without it.
      const { HawserClient } = await import('../hawser-client.js');
      const client = await HawserClient.connect({ address, namespace });
      clients.push(client);
      return client;
    };
    const result: Session['result'] = (json, text) => {
      process.stdout.write(`${output === 'json' ? printableJson(json) : text()}\n`);
    };
    try {
      await run({ connect, result, waiting }, ...(args.slice(0, -1) as Args));
    } finally {
      for (const client of clients) await client.close();
    }
  };
}

async function waiting<T>({ what, watchWith, run }: Wait<T>): Promise<T> {
  const { reportProgress } = await import('./progress-line.js');
  const stop = new AbortController();
  const interrupt = () => {
    const goesOn = `${what} goes on without this command. Watch it with: ${watchWith}`;
    stop.abort(new StoppedWatching(goesOn));
  };
  process.on('SIGINT', interrupt);
  const report = reportProgress(what);
  const interrupted = new Promise<never>((_resolve, reject) => {
    stop.signal.addEventListener('abort', () => reject(stop.signal.reason as Error));
  });
  try {
    const options = { signal: stop.signal, onProgress: report.show };
    const result = await Promise.race([run(options), interrupted]);
    report.end(true);
    return result;
  } catch (error) {
    report.end(false);
    throw error;
  } finally {
    stop.abort();
    process.removeListener('SIGINT', interrupt);
  }
}
