import { appendFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { z } from 'zod';

/**
 * How many inputs a property gets, and from which seed; a failure names both. The few of every test run try new ones
 * each time.
 */
const settings = z
  .object({
    HAWSER_FUZZ_RUNS: z.coerce.number().int().positive().default(300),
    HAWSER_FUZZ_SEED: z.coerce.number().int().optional(),
    HAWSER_FUZZ_REPORT: z.string().optional(),
  })
  .parse(process.env);

export const runs = settings.HAWSER_FUZZ_RUNS;

/** Enough for the many inputs of `npm run fuzz`. */
export const patience = 60_000 + runs * 100;

interface Pace {
  /** The share of the usual number of inputs, for what takes longer. Default: 1. */
  of?: number;
}

/** Holds for every input, or fails with the smallest that it found. */
export async function holds<T>(
  name: string,
  input: fc.Arbitrary<T>,
  check: (value: T) => unknown,
  { of = 1 }: Pace = {},
): Promise<void> {
  await judge(name, input, check, () => 1, Math.ceil(runs * of));
}

const BATCH = 100;

/** The same for a check that takes many inputs at once, as one process or one file does. */
export async function holdsInBatches<T>(
  name: string,
  input: fc.Arbitrary<T>,
  check: (values: T[]) => unknown,
  { of = 1 }: Pace = {},
): Promise<void> {
  const batch = fc.array(input, { minLength: 1, maxLength: BATCH, size: 'max' });
  const count = Math.max(2, Math.ceil((runs * of) / (BATCH / 2)));
  await judge(name, batch, check, (values) => values.length, count);
}

async function judge<T>(
  name: string,
  input: fc.Arbitrary<T>,
  check: (value: T) => unknown,
  size: (value: T) => number,
  numRuns: number,
): Promise<void> {
  let inputs = 0;
  const property = fc.asyncProperty(input, async (value) => {
    inputs += size(value);
    await check(value);
  });
  const { seed, failed, ...outcome } = await fc.check(property, {
    numRuns,
    ...(settings.HAWSER_FUZZ_SEED !== undefined && { seed: settings.HAWSER_FUZZ_SEED }),
  });
  if (settings.HAWSER_FUZZ_REPORT !== undefined) {
    const line = JSON.stringify({ name, inputs, seed, failed });
    appendFileSync(settings.HAWSER_FUZZ_REPORT, `${line}\n`);
  }
  if (!failed) return;
  const { errorInstance: cause, counterexample, counterexamplePath: path } = outcome;
  throw new Error(
    `${name} does not hold for ${fc.stringify(counterexample?.[0])}: ${cause instanceof Error ? cause.message : String(cause)}\n` +
      `Again with: npm run fuzz -- --runs ${runs} --seed=${seed} (path ${path})`,
    { cause },
  );
}
