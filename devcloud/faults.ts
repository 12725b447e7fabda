import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { Collection } from './state.js';

/** What goes wrong, planned by a test: see the control API for the form. */
const planned = z.strictObject({
  match: z.strictObject({
    service: z.string().optional(),
    method: z.string().optional(),
    /** A regular expression. */
    path: z.string().optional(),
    /** Such as `server.create`. */
    operation: z.string().optional(),
    /** The id of the project that asks; of an SSH connection or command, the one whose server it is. */
    project: z.string().optional(),
    /** A regular expression for the request's body as JSON. */
    body: z.string().optional(),
    /** Only what happens to this resource. */
    target: z.string().optional(),
  }),
  /** How often it strikes. @default 1 */
  times: z.number().int().positive().default(1),
  /** How many matching events pass unharmed before. @default 0 */
  skip: z.number().int().nonnegative().default(0),
  effect: z
    .literal('reset')
    .transform(() => ({ reset: true }) as const)
    .or(
      z.strictObject({
        status: z.number().int().optional(),
        body: z.unknown().optional(),
        headers: z.record(z.string(), z.string()).optional(),
        /** The connection is destroyed without an answer. */
        reset: z.boolean().optional(),
        /** With `status`, `reset` or `delayMs`: after the request was carried out, not instead or before. */
        after: z.boolean().optional(),
        /** Ends early when the fault is cleared. */
        delayMs: z.number().nonnegative().optional(),
        /** Half of the answer arrives as if it were all of it; of a command, half of its output. */
        half: z.boolean().optional(),
        /** A list is answered as that project was answered the last time when it was another one. */
        stale: z.boolean().optional(),
        /** Of `ssh.command`: the connection breaks `delayMs` after the command began, which goes on. */
        midway: z.boolean().optional(),
        /** Of `ssh.command` with several parts: the connection breaks as soon as the first has ended. */
        between: z.boolean().optional(),
        /** Of `ssh.command`: the command ran, but how it ended is not said. */
        noStatus: z.boolean().optional(),
        /** The transition ends in the resource's error status. */
        outcome: z.literal('ERROR').optional(),
        message: z.string().optional(),
        noDevice: z.boolean().optional(),
        dirtyVolume: z.boolean().optional(),
        sshSilent: z.boolean().optional(),
        hostKeyChanged: z.boolean().optional(),
      }),
    ),
});

/** The effect may be called `then` too; an object of ours with that name could be taken for a promise. */
export const faultPlan = z
  .looseObject({})
  .transform(({ then: other, effect = other, ...rest }) => ({ ...rest, effect }))
  .pipe(planned);

export type FaultPlan = z.output<typeof planned>;
export type Fault = Extract<FaultPlan['effect'], { delayMs?: unknown }>;

/** A fault that strikes a request now. */
export type Strike = Fault & { id: string; cleared: AbortSignal };

export interface FaultRow extends FaultPlan {
  id: string;
  /** Kept after the last strike, so that a test can see that it struck. */
  struck: number;
}

export interface FaultEvent {
  service?: string;
  method?: string;
  path?: string;
  operation?: string;
  project?: string;
  body?: unknown;
  target?: string;
}

export class Faults {
  readonly #rows: Collection<FaultRow>;
  readonly #clearing = new Map<string, AbortController>();

  constructor(rows: Collection<FaultRow>) {
    this.#rows = rows;
  }

  plan(plan: FaultPlan): FaultRow {
    return this.#rows.put({ ...plan, id: randomUUID(), struck: 0 });
  }

  all(): FaultRow[] {
    return this.#rows.all();
  }

  clear(id?: string): void {
    for (const row of this.#rows.all()) {
      if (id && row.id !== id) continue;
      this.#rows.delete(row.id);
      this.#clearing.get(row.id)?.abort();
      this.#clearing.delete(row.id);
    }
  }

  /** A fault that strikes a request: it is answered wrongly, late or not at all. */
  forRequest(event: FaultEvent): Strike | undefined {
    const row = this.#take(event, strikesRequests);
    return row && { ...row.effect, id: row.id, cleared: this.#clearingOf(row).signal };
  }

  /** A fault that strikes a transition, such as `server.create` while the machine is made. */
  forTransition(operation: string, target: string): Fault | undefined {
    return this.#take({ operation, target }, (effect) => !strikesRequests(effect))?.effect;
  }

  /** What it would have done to an answer was no other answer: it did not strike. */
  missed({ id }: Strike): void {
    const row = this.#rows.get(id);
    if (row) this.#rows.put({ ...row, struck: row.struck - 1 });
  }

  #clearingOf({ id }: FaultRow): AbortController {
    const clearing = this.#clearing.get(id) ?? new AbortController();
    this.#clearing.set(id, clearing);
    return clearing;
  }

  #take(event: FaultEvent, kind: (effect: Fault) => boolean): FaultRow | undefined {
    for (const row of this.#rows.all()) {
      if (row.times === 0 || !kind(row.effect) || !matches(row.match, event)) continue;
      if (row.skip > 0) {
        this.#rows.put({ ...row, skip: row.skip - 1 });
        continue;
      }
      return this.#rows.put({ ...row, times: row.times - 1, struck: row.struck + 1 });
    }
    return undefined;
  }
}

const strikesRequests = (effect: Fault): boolean =>
  Boolean(effect.status ?? effect.reset ?? effect.delayMs ?? effect.half ?? effect.stale) ||
  Boolean(effect.midway ?? effect.between ?? effect.noStatus);

function matches(match: FaultPlan['match'], event: FaultEvent): boolean {
  const same = (wanted: string | undefined, value: string | undefined) =>
    wanted === undefined || wanted === value;
  const like = (pattern: string | undefined, value: string) =>
    pattern === undefined || new RegExp(pattern).test(value);
  return (
    same(match.service, event.service) &&
    same(match.method?.toUpperCase(), event.method) &&
    same(match.operation, event.operation) &&
    same(match.project, event.project) &&
    same(match.target, event.target) &&
    like(match.path, event.path ?? '') &&
    like(match.body, JSON.stringify(event.body ?? null))
  );
}
