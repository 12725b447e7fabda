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

  /**
   * `kind` is what takes about as long each time, such as `create a volume` of one backend; it was done `pauses` after it
   * began.
   */
  remember(kind: string, ms: number, pauses: number): void {
    // Done when it was first looked at: nobody knows for how long.
    const sooner = pauses === 1 || ms < (this.#expected.get(kind) ?? 0);
    this.#expected.set(kind, sooner ? ms * 0.9 : ms);
  }

  /** The pauses between looks, in milliseconds, of a wait that has gone on for so long. None is longer than two seconds. */
  *pauses(kind: string, watchedMs = 0): Generator<number, never> {
    const expected = this.#expected.get(kind) ?? 0;
    let left = expected * 0.95 - watchedMs;
    // What goes wrong, or wants to be asked again, shall not have to wait for what usually comes.
    for (; left > LONGEST_MS; left -= LONGEST_MS) yield LONGEST_MS;
    if (left > FIRST_MS) yield left;
    let pause = expected > 0 ? Math.max(SOONEST_MS, expected * 0.02) : FIRST_MS;
    let aboutNow = expected * 0.15;
    for (;;) {
      yield Math.min(pause, LONGEST_MS);
      aboutNow -= pause;
      if (aboutNow <= 0) pause *= GROWTH;
    }
  }
}
