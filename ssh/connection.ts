import type ssh2 from 'ssh2';
import type { Link } from './connect.js';

interface Limits {
  maxSessions: number;
  idleMs: number;
}

/**
 * A connection that many callers share, each in a session of its own. Sessions beyond the limit wait their
 * turn; a connection without any ends itself after a while.
 */
export class Connection {
  readonly client: ssh2.Client;
  readonly #link: Link;
  readonly #limits: Limits;
  readonly #onRetired: () => void;
  #sessions = 0;
  #waiting: ((taken: boolean) => void)[] = [];
  #idleTimer: NodeJS.Timeout | undefined;
  #retired = false;

  constructor(link: Link, limits: Limits, onRetired: () => void) {
    this.client = link.client;
    this.#link = link;
    this.#limits = limits;
    this.#onRetired = onRetired;
    // Each session listens for the end of the connection.
    link.client.setMaxListeners(0);
    link.client.once('close', () => this.retire());
    this.#endWhenIdle();
  }

  /** Waits for a session; false if the connection takes no more. Each true needs its `release`. */
  async take(signal?: AbortSignal): Promise<boolean> {
    signal?.throwIfAborted();
    if (this.#retired) return false;
    clearTimeout(this.#idleTimer);
    if (this.#sessions >= this.#limits.maxSessions) return this.#turn(signal);
    this.#sessions += 1;
    return true;
  }

  /** Hands the session on to whoever waits longest. */
  release(): void {
    const next = this.#waiting.shift();
    if (next !== undefined) return next(true);
    this.#sessions -= 1;
    if (this.#sessions === 0) this.#endWhenIdle();
  }

  /** Takes no new sessions; those that run may finish. */
  retire(): void {
    if (this.#retired) return;
    this.#retired = true;
    clearTimeout(this.#idleTimer);
    this.#onRetired();
    for (const tell of this.#waiting.splice(0)) tell(false);
    if (this.#sessions === 0) this.end();
  }

  /** Ends it now, with whatever runs on it. */
  end(): void {
    this.retire();
    this.client.end();
    this.#link.socket.destroySoon();
  }

  async #turn(signal: AbortSignal | undefined): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#waiting = this.#waiting.filter((waiter) => waiter !== tell);
        reject(signal?.reason as Error);
      };
      const tell = (taken: boolean): void => {
        signal?.removeEventListener('abort', leave);
        resolve(taken);
      };
      this.#waiting.push(tell);
      signal?.addEventListener('abort', leave, { once: true });
    });
  }

  #endWhenIdle(): void {
    if (this.#retired) this.end();
    else this.#idleTimer = setTimeout(() => this.retire(), this.#limits.idleMs);
  }
}
