import { costSince, markOf } from './hawser.js';
import type { Operation, OwnTurn, Turn } from './operations.js';
import type { Original } from './original/original.js';
import type { Sample } from './report.js';

/** One after the other, the one that comes first by turns. */
export async function byTurns<A, B>(
  round: number,
  hawser: () => Promise<A>,
  original: () => Promise<B>,
): Promise<[A, B]> {
  if (round % 2 === 1) return [await hawser(), await original()];
  const theirs = await original();
  return [await hawser(), theirs];
}

/** Hawser and the original, by turns. */
export async function measure(
  turn: Turn,
  {
    operation,
    original,
    round,
  }: { operation: Operation; original: Original | undefined; round: number },
): Promise<Sample> {
  const [sample, originalMs] = await byTurns(
    round,
    () => measureHawser(turn, operation),
    () => byOriginal(turn, operation, original),
  );
  return { ...sample, originalMs };
}

/** Hawser alone. */
export async function measureHawser(turn: OwnTurn, operation: Operation): Promise<Sample> {
  await operation.before?.(turn);
  const mark = await markOf(turn.bench);
  const began = performance.now();
  await operation.hawser(turn);
  const ms = performance.now() - began;
  return { operation, ms, cost: await costSince(turn.bench, mark), originalMs: undefined };
}

async function byOriginal(
  turn: Turn,
  operation: Operation,
  original: Original | undefined,
): Promise<number | undefined> {
  const commands = original && operation.original?.(turn);
  if (!original || !commands) return undefined;
  let sum = 0;
  for (const command of commands) sum += (await original.run(command)).ms;
  return sum;
}
