import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import type { Latencies } from './latencies.js';
import type { Collection } from './state.js';

/** A transition under way. It is kept with the state, so a restarted process carries it to its end. */
export interface Job {
  id: string;
  kind: string;
  /** The id of what it changes: jobs of one target run one after the other. */
  target: string;
  /** Milliseconds since the epoch. */
  dueAt: number;
  data: Record<string, string>;
}

/** May run again after a crash, so it makes true what it says, or leaves it so. */
type Handler = (job: Job) => Promise<void>;

export class Jobs {
  readonly #rows: Collection<Job>;
  readonly #latencies: Latencies;
  readonly #log: Logger;
  readonly #handlers = new Map<string, Handler>();
  readonly #timers = new Map<string, NodeJS.Timeout>();
  /** The last of each target's jobs that are due. */
  readonly #queues = new Map<string, Promise<void>>();
  readonly #started = new Set<string>();
  #open = false;

  constructor(rows: Collection<Job>, latencies: Latencies, log: Logger) {
    this.#rows = rows;
    this.#latencies = latencies;
    this.#log = log;
  }

  on(kind: string, handler: Handler): void {
    this.#handlers.set(kind, handler);
  }

  /** Runs the handler of `kind` after the latency of `transition` (or a share of it), or after `delayMs`. */
  schedule(
    kind: string,
    target: string,
    { transition = kind, share = 1, delayMs, data = {} }: Schedule = {},
  ): void {
    const dueAt = Date.now() + (delayMs ?? this.#latencies.get(transition) * share);
    const job = this.#rows.put({ id: randomUUID(), kind, target, dueAt, data });
    if (this.#open) this.#arm(job);
  }

  /** Forgets what is planned for a target. A job that runs already is not stopped. */
  cancel(target: string): void {
    for (const { id } of this.#rows.where((job) => job.target === target)) {
      if (this.#started.has(id)) continue;
      clearTimeout(this.#timers.get(id));
      this.#timers.delete(id);
      this.#rows.delete(id);
    }
  }

  pending(target: string, kind: string): boolean {
    return this.#rows.find((job) => job.target === target && job.kind === kind) !== undefined;
  }

  /** Takes up what a former process left under way. */
  start(): void {
    this.#open = true;
    for (const job of this.#rows.all()) this.#arm(job);
  }

  /** Lets running handlers finish; what is only due stays for the next process. */
  async stop(): Promise<void> {
    this.#open = false;
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
    await Promise.all(this.#queues.values());
  }

  #arm(job: Job): void {
    const wait = Math.max(0, job.dueAt - Date.now());
    this.#timers.set(
      job.id,
      setTimeout(() => this.#enqueue(job), wait),
    );
  }

  #enqueue(job: Job): void {
    this.#timers.delete(job.id);
    const earlier = this.#queues.get(job.target) ?? Promise.resolve();
    const done = this.#runAfter(earlier, job).finally(() => {
      if (this.#queues.get(job.target) === done) this.#queues.delete(job.target);
    });
    this.#queues.set(job.target, done);
  }

  async #runAfter(earlier: Promise<void>, job: Job): Promise<void> {
    await earlier;
    if (!this.#open || !this.#rows.get(job.id)) return;
    this.#started.add(job.id);
    try {
      await this.#handlers.get(job.kind)?.(job);
    } catch (error) {
      this.#log.error({ err: error, job }, 'A transition failed in an unforeseen way');
    }
    this.#started.delete(job.id);
    this.#rows.delete(job.id);
  }
}

interface Schedule {
  transition?: string;
  share?: number;
  delayMs?: number;
  data?: Record<string, string>;
}
