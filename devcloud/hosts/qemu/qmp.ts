import { createConnection, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { z } from 'zod';

const message = z.object({
  event: z.string().optional(),
  data: z.unknown().optional(),
  return: z.unknown().optional(),
  error: z.object({ class: z.string(), desc: z.string() }).optional(),
});
type Message = z.infer<typeof message>;

/** What QEMU answered to a command it would not or could not carry out. */
export class QmpError extends Error {
  readonly errorClass: string;

  constructor(command: string, { class: errorClass, desc }: { class: string; desc: string }) {
    super(`QEMU refused ${command}: ${desc}`);
    this.name = 'QmpError';
    this.errorClass = errorClass;
  }
}

/** A connection to a running QEMU by its machine protocol. QEMU serves one at a time. */
export interface Qmp {
  /** @throws QmpError, or an Error when the connection is lost */
  execute(command: string, args?: Record<string, unknown>): Promise<unknown>;
  /** Answers whether the event has come since the connection was made or comes within the limit. */
  sees(event: string, matches: (data: unknown) => boolean, limitMs: number): Promise<boolean>;
}

/** Connects, does the work and hangs up. */
export async function withQmp<T>(path: string, work: (qmp: Qmp) => Promise<T>): Promise<T> {
  const connection = new QmpConnection(createConnection(path), path);
  try {
    await connection.greeted;
    await connection.execute('qmp_capabilities');
    return await work(connection);
  } finally {
    connection.close();
  }
}

const ANSWER_LIMIT_MS = 30_000;

class QmpConnection implements Qmp {
  readonly greeted: Promise<void>;
  readonly #socket: Socket;
  readonly #path: string;
  readonly #events: Message[] = [];
  readonly #eventWatchers = new Set<() => void>();
  #waiting: { resolve: (answer: Message) => void; reject: (error: Error) => void } | undefined;
  #lost: Error | undefined;

  constructor(socket: Socket, path: string) {
    this.#socket = socket;
    this.#path = path;
    this.greeted = this.#answer('greeting').then(() => undefined);
    // A close before anyone awaits the greeting is told to whoever asks next.
    this.greeted.catch(() => undefined);
    const lines = createInterface({ input: socket });
    lines.on('line', (line) => this.#receive(message.parse(JSON.parse(line))));
    lines.on('error', () => undefined);
    socket.on('error', (error) => this.#fail(error.message));
    socket.on('close', () => this.#fail('it closed the connection'));
  }

  async execute(command: string, args?: Record<string, unknown>): Promise<unknown> {
    if (this.#lost) throw this.#lost;
    const answer = this.#answer(command);
    this.#socket.write(`${JSON.stringify({ execute: command, arguments: args })}\n`);
    const { error, return: result } = await answer;
    if (error) throw new QmpError(command, error);
    return result;
  }

  async sees(
    event: string,
    matches: (data: unknown) => boolean,
    limitMs: number,
  ): Promise<boolean> {
    const seen = () => this.#events.some((one) => one.event === event && matches(one.data));
    return new Promise((resolve) => {
      const look = () => {
        if (seen() || this.#lost) finish();
      };
      const finish = () => {
        clearTimeout(timer);
        this.#eventWatchers.delete(look);
        resolve(seen());
      };
      const timer = setTimeout(finish, limitMs);
      this.#eventWatchers.add(look);
      look();
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  async #answer(command: string): Promise<Message> {
    const timer = setTimeout(
      () => this.#fail(`no answer to ${command} in ${ANSWER_LIMIT_MS / 1000} s`),
      ANSWER_LIMIT_MS,
    );
    try {
      return await new Promise<Message>((resolve, reject) => {
        this.#waiting = { resolve, reject };
      });
    } finally {
      clearTimeout(timer);
    }
  }

  #receive(received: Message): void {
    if (received.event === undefined) {
      this.#waiting?.resolve(received);
      this.#waiting = undefined;
      return;
    }
    this.#events.push(received);
    for (const look of this.#eventWatchers) look();
  }

  #fail(reason: string): void {
    this.#lost ??= new Error(`Lost QEMU's control socket ${this.#path}: ${reason}`);
    this.#waiting?.reject(this.#lost);
    this.#waiting = undefined;
    for (const look of this.#eventWatchers) look();
  }
}
