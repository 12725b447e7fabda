const FIRST_MS = 200;
const SOONEST_MS = 40;
const LONGEST_MS = 2000;
const GROWTH = 1.3;

/**
 * When to look whether something is done that takes about as long each time: not before the time that it took last is nearly
 * over, then often, then ever less often. Until it was done once: soon, and less and less often. Spares a cloud the looks that
 * find nothing, and those who wait the rest of a pause.
 */
export class LookingTimes {
  readonly #expected = new Map<string, number>();

  /** `kind` is what takes about as long each time, such as `create a volume` of one backend. */
  remember(kind: string, ms: number): void {
    // Done when it was first looked at: nobody knows for how long.
    const sooner = ms < (this.#expected.get(kind) ?? 0);
    this.#expected.set(kind, sooner ? ms * 0.85 : ms);
  }

  /** The pauses between looks, in milliseconds, from the beginning of a wait. */
  *pauses(kind: string): Generator<number, never> {
    const expected = this.#expected.get(kind) ?? 0;
    const soon = expected * 0.95;
    if (soon > FIRST_MS) yield soon;
    let pause = expected > 0 ? Math.max(SOONEST_MS, expected * 0.03) : FIRST_MS;
    for (;;) {
      yield Math.min(pause, LONGEST_MS);
      pause *= GROWTH;
    }
  }
}
