import { once } from 'node:events';
import type ssh2 from 'ssh2';
import { type Command, REMOTE_COMMAND } from './command.js';
import {
  CommandFailed,
  CommandTimedOut,
  ConnectionLost,
  HostUnreachable,
  OutputTooLong,
} from './errors.js';

export interface Output {
  stdout: string;
  stderr: string;
}

interface Execution {
  client: ssh2.Client;
  address: string;
  command: Command;
  /** The encoded command. */
  input: Buffer;
  signal?: AbortSignal | undefined;
}

interface Exit {
  code: number | null | undefined;
  signal: string | undefined;
}

interface Session {
  channel: ssh2.ClientChannel;
  /** Filled in when the command ends. */
  exit: Exit;
}

type Interrupt = (error: Error) => void;

const MAX_OUTPUT_BYTES = 4 * 1024 * 1024;
/** After its time limit the command has 5 s until it is killed; the rest is for the news to arrive. */
const GRACE_MS = 15_000;
/** The host's clock may run a little faster than ours. */
const CLOCK_TOLERANCE = 0.95;

/**
 * Runs a command in a session of its own and waits for its end.
 *
 * @throws CommandFailed, CommandTimedOut, OutputTooLong, ConnectionLost, HostUnreachable (the host opened no
 * session: nothing was sent), or the signal's reason
 */
export async function execute(execution: Execution): Promise<Output> {
  const watch = watchOver(execution);
  const opening = openSession(execution);
  try {
    const session = await Promise.race([opening, watch.interrupted]);
    return await Promise.race([converse(session, execution, watch.interrupt), watch.interrupted]);
  } finally {
    watch.clear();
    // Also when it opens only after we have left.
    opening.then(
      ({ channel }) => channel.close(),
      () => undefined,
    );
  }
}

/** Whatever makes waiting for the end senseless rejects `interrupted`. */
function watchOver({ client, address, command, signal }: Execution) {
  const { name, timeoutMs } = command;
  let interrupt: Interrupt = () => undefined;
  const interrupted = new Promise<never>((_, reject) => (interrupt = reject));
  interrupted.catch(() => undefined);

  let cause: unknown;
  const onError = (error: unknown): void => void (cause = error);
  const onClose = (): void => interrupt(new ConnectionLost({ address, command: name, cause }));
  const onAbort = (): void => interrupt(signal?.reason as Error);
  const onTime = (): void =>
    interrupt(new CommandTimedOut({ address, command: name, timeoutMs, answered: false }));
  const timer = setTimeout(onTime, timeoutMs + GRACE_MS);
  client.on('error', onError).on('close', onClose);
  signal?.addEventListener('abort', onAbort);
  if (signal?.aborted === true) onAbort();

  const clear = (): void => {
    clearTimeout(timer);
    client.off('error', onError).off('close', onClose);
    signal?.removeEventListener('abort', onAbort);
  };
  return { interrupted, interrupt, clear };
}

async function openSession({ client, address }: Execution): Promise<Session> {
  try {
    return await new Promise((resolve, reject) => {
      client.exec(REMOTE_COMMAND, (error, channel) => {
        if (error) return reject(error);
        const exit: Exit = { code: undefined, signal: undefined };
        // Heard from here on: a command may end in the same breath in which it began.
        channel.on('exit', (code: number | null, signal?: string) =>
          Object.assign(exit, { code, signal }),
        );
        resolve({ channel, exit });
      });
    });
  } catch (cause) {
    throw new HostUnreachable({ address, cause });
  }
}

async function converse(
  { channel, exit }: Session,
  { address, command, input }: Execution,
  interrupt: Interrupt,
): Promise<Output> {
  const startedAt = performance.now();
  const { name, timeoutMs } = command;
  const collect = collector(() =>
    interrupt(new OutputTooLong({ address, command: name, limitBytes: MAX_OUTPUT_BYTES })),
  );
  const stdout = collect(channel);
  const stderr = collect(channel.stderr);
  // A command that reads nothing breaks the pipe; its exit code tells why.
  channel.on('error', () => undefined);
  channel.end(input);
  await Promise.all([once(channel, 'close'), once(channel.stderr, 'close')]);

  const output = { stdout: stdout(), stderr: stderr() };
  if (exit.code === 0) return output;
  if (exit.code === undefined) throw new ConnectionLost({ address, command: name });
  if (endedByTimeout(exit) && performance.now() - startedAt >= timeoutMs * CLOCK_TOLERANCE) {
    throw new CommandTimedOut({ address, command: name, timeoutMs, answered: true });
  }
  throw new CommandFailed({ address, command: name, ...exit, ...output });
}

/** `timeout` ends with 124, or dies of the KILL that it sends to all its children, as sudo then does too. */
const endedByTimeout = ({ code, signal }: Exit): boolean =>
  code === 124 || code === 137 || (signal ?? '').endsWith('KILL');

/** Collects streams up to a common limit. */
function collector(onLimit: () => void) {
  let size = 0;
  return (stream: NodeJS.ReadableStream): (() => string) => {
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= MAX_OUTPUT_BYTES) chunks.push(chunk);
      else onLimit();
    });
    return () => Buffer.concat(chunks).toString('utf8');
  };
}
