import { type Command, encodeCommand } from './command.js';
import { type Host, type Login, connect } from './connect.js';
import { Connection } from './connection.js';
import { CommandTimedOut, HostUnreachable } from './errors.js';
import { type Output, execute } from './execute.js';
import { publicKeyOf } from './host-key.js';
import { orAborted } from './or-aborted.js';

export type { Command } from './command.js';
export type { Host } from './connect.js';
export type { Output } from './execute.js';

export interface SshPoolOptions {
  user: string;
  /** In OpenSSH's or PEM format, without a passphrase. */
  privateKey?: string | undefined;
  password?: string | undefined;
  /** `http://host:port`, asked for tunnels by HTTP CONNECT. */
  proxy?: string | undefined;
  /** Awaited before each new connection, for the host to be within reach; what it throws is thrown as it is. */
  beforeConnect?: ((address: string) => Promise<void>) | undefined;
  /** @default 60_000 */
  connectTimeoutMs?: number | undefined;
  /** How often a quiet host is asked for a sign of life. @default 10_000 */
  keepAliveMs?: number | undefined;
  /**
   * OpenSSH allows 10 and still counts a session that has just been closed when the next one opens, so up to
   * half of its limit is safe.
   *
   * @default 5
   */
  maxSessionsPerConnection?: number | undefined;
  /** How long a connection without work is kept. @default 60_000 */
  idleMs?: number | undefined;
}

/**
 * Runs commands on hosts, one connection a host. Nothing is ever tried twice: a connection that broke is
 * replaced by the next command, and the one that was under way fails.
 */
export class SshPool {
  readonly #login: Login;
  readonly #beforeConnect: (address: string) => Promise<void>;
  readonly #limits: { maxSessions: number; idleMs: number };
  readonly #connections = new Map<string, Promise<Connection>>();
  readonly #live = new Set<Connection>();
  readonly #closing = new AbortController();

  /** @throws Error if the private key cannot be used */
  constructor(options: SshPoolOptions) {
    const { user, privateKey, password, proxy } = options;
    if (privateKey === undefined && password === undefined) {
      throw new Error('SSH needs a private key or a password');
    }
    // A key that needs a passphrase shows here, not at the first command.
    if (privateKey !== undefined) publicKeyOf(privateKey);
    this.#beforeConnect = options.beforeConnect ?? (async () => undefined);
    const { connectTimeoutMs = 60_000, keepAliveMs = 10_000 } = options;
    this.#login = { user, privateKey, password, proxy, connectTimeoutMs, keepAliveMs };
    const { maxSessionsPerConnection: maxSessions = 5, idleMs = 60_000 } = options;
    this.#limits = { maxSessions, idleMs };
  }

  /**
   * Runs a script as root and returns what it wrote. An abort leaves at once, but the host goes on until the
   * script's own time limit.
   *
   * @throws CommandFailed, CommandTimedOut, OutputTooLong, InvalidCommand; ConnectionLost if what the script
   * did is not known; HostUnreachable, HostKeyMismatch, SshAuthenticationRefused if nothing was sent
   */
  async run(
    host: Host,
    command: Command,
    { signal }: { signal?: AbortSignal | undefined } = {},
  ): Promise<Output> {
    const input = encodeCommand(command);
    return this.#withSession(host, signal, async (connection) => {
      const { client } = connection;
      try {
        return await execute({ client, address: host.address, command, input, signal });
      } catch (error) {
        if (error instanceof CommandTimedOut && !error.answered) connection.retire();
        throw error;
      }
    });
  }

  /**
   * Returns when the host has proved its key and let us in: by a new connection, since an old one may be to
   * a host that is gone. Later commands use it.
   *
   * @throws HostUnreachable, HostKeyMismatch, SshAuthenticationRefused
   */
  async ping(host: Host, { signal }: { signal?: AbortSignal | undefined } = {}): Promise<void> {
    const key = keyOf(host);
    const before = this.#connections.get(key);
    this.#connections.delete(key);
    before?.then(
      (connection) => connection.retire(),
      () => undefined,
    );
    await orAborted(async () => this.#connection(host), signal);
  }

  /** Ends all connections; commands under way fail, and so does every later one. */
  close(): void {
    this.#closing.abort(new Error('the pool of SSH connections is closed'));
    for (const connection of this.#live) connection.end();
  }

  async #withSession<T>(
    host: Host,
    signal: AbortSignal | undefined,
    work: (connection: Connection) => Promise<T>,
  ): Promise<T> {
    for (;;) {
      const connection = await orAborted(async () => this.#connection(host), signal);
      // It may have ended while we waited for our turn: then nothing was sent, and a new one is made.
      if (!(await connection.take(signal))) continue;
      try {
        return await work(connection);
      } finally {
        connection.release();
      }
    }
  }

  async #connection(host: Host): Promise<Connection> {
    const key = keyOf(host);
    const known = this.#connections.get(key);
    if (known !== undefined) return known;
    const forget = (): void => {
      if (this.#connections.get(key) === made) this.#connections.delete(key);
    };
    const made = this.#connect(host, forget);
    this.#connections.set(key, made);
    made.catch(forget);
    return made;
  }

  async #connect(host: Host, onRetired: () => void): Promise<Connection> {
    const { signal } = this.#closing;
    try {
      await orAborted(async () => this.#beforeConnect(host.address), signal);
    } catch (error) {
      if (signal.aborted)
        throw new HostUnreachable({ address: host.address, cause: signal.reason });
      throw error;
    }
    const link = await connect(host, this.#login, signal);
    const connection = new Connection(link, this.#limits, onRetired);
    this.#live.add(connection);
    link.socket.once('close', () => this.#live.delete(connection));
    return connection;
  }
}

/** The address alone is not enough: a rebuilt host has a new key under the old address. */
const keyOf = ({ address, port = 22, hostKey }: Host): string => `${hostKey} ${address} ${port}`;
