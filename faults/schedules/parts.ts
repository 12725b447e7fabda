import { Model } from './model.js';
import type { Schedule } from './plan.js';

/** What may be left out of a schedule: an operation, a trouble, or that a step's operations are asked for twice. */
export interface Part {
  step: number;
  what: 'operation' | 'trouble' | 'twice';
  /** Among those of its step. */
  at: number;
}

export const partsOf = ({ steps }: Schedule): Part[] =>
  steps.flatMap(({ operations, troubles, twice }, step): Part[] => [
    ...operations.map((_, at): Part => ({ step, what: 'operation', at })),
    ...(twice ? [{ step, what: 'twice' as const, at: 0 }] : []),
    ...troubles.map((_, at): Part => ({ step, what: 'trouble', at })),
  ]);

/** A schedule with only those of its parts. */
export function withParts(schedule: Schedule, parts: Part[]): Schedule {
  const kept = new Set(parts.map(keyOf));
  const keeps = (part: Part) => kept.has(keyOf(part));
  const steps = schedule.steps.map(({ operations, twice, troubles }, step) => ({
    operations: operations.filter((_, at) => keeps({ step, what: 'operation', at })),
    twice: twice && keeps({ step, what: 'twice', at: 0 }),
    troubles: troubles.filter((_, at) => keeps({ step, what: 'trouble', at })),
  }));
  return { ...schedule, steps: steps.filter(({ operations }) => operations.length > 0) };
}

const keyOf = ({ step, what, at }: Part): string => `${step} ${what} ${at}`;

/** Whether it is clear what has to come of it: nothing is created that is there under the same id. */
export function makesSense({ begins, steps }: Schedule): boolean {
  const model = new Model(begins === 'instance');
  return steps
    .flatMap(({ operations }) => operations)
    .every((operation) => {
      const creates = operation.does === 'create' || operation.does === 'copy';
      if (creates && model.shares.has(operation.share)) return false;
      if (model.refusal(operation) === undefined) model.apply(operation);
      return true;
    });
}
