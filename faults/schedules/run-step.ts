import { setTimeout as sleep } from 'node:timers/promises';
import { OperationFailed, TemporalUnreachable } from '../../client/index.js';
import { reboot } from '../events.js';
import type { Finding } from '../findings.js';
import type { Event } from '../kinds.js';
import { untilAtRest } from '../oracles/rest.js';
import { entitiesOf } from '../picture.js';
import type { Place } from '../place.js';
import { isRefusal } from '../refusal.js';
import type { Stage } from '../scenario.js';
import type { Model } from './model.js';
import { wordsOfOperation, type Operation } from './operations.js';
import { patiently } from './patiently.js';
import { perform } from './perform.js';
import type { Step } from './plan.js';
import { kindAndCall, killsWorker, type Trouble } from './troubles.js';
import type { Weather } from './weather.js';

export interface StepRun {
  place: Place;
  stage: Stage;
  model: Model;
  weather: Weather;
  /** Told the kind of each fault that struck. */
  onStruck: (kind: string) => void;
}

/** Longer than all that may go wrong in a step takes. */
const limitMs = 120_000;

/** Does what a step says, with what goes wrong meanwhile, and says what came out otherwise than it must. */
export async function runStep(run: StepRun, step: Step): Promise<Finding[]> {
  const { model, weather } = run;
  if (step.troubles.some(killsWorker)) await weather.untilDue();
  const planned = await planTroubles(run, step.troubles);
  const over = new AbortController();
  const watched = Promise.all(planned.map((trouble) => watch(run, trouble, over.signal)));
  watched.catch(() => undefined);
  const expected = step.operations.map((operation) => {
    const refusal = model.refusal(operation);
    if (refusal === undefined) model.apply(operation);
    return { operation, refusal };
  });
  const ended = Promise.all(expected.map((one) => judgeOperation(run, { ...one, step })));
  ended.catch(() => undefined);
  const findings = await Promise.race([ended, sleep(limitMs, undefined, { ref: false })]);
  over.abort();
  await watched;
  const { struck, control } = run.place.bench;
  for (const { ids, trouble, event } of planned) {
    if (!event && (await struck.has(ids[0] ?? ''))) run.onStruck(trouble.kind);
    for (const id of ids) await control.forget(id).catch(() => undefined);
  }
  const words = step.operations.map(wordsOfOperation).join(' and ');
  return findings?.flat() ?? [{ outcome: 'stuck', text: `${words}: no end within ${limitMs} ms` }];
}

interface Planned {
  trouble: Trouble;
  event: Event | undefined;
  /** Of its faults; the first one is the one that must strike. */
  ids: string[];
}

async function planTroubles({ place }: StepRun, troubles: Trouble[]): Promise<Planned[]> {
  const { control } = place.bench;
  const planned: Planned[] = [];
  for (const trouble of troubles) {
    const { kind, call } = kindAndCall(trouble);
    const ids: string[] = [];
    for (const fault of kind.faults(call)) {
      const match = { ...fault.match, project: place.lane.project };
      ids.push(await patiently(() => control.plan({ ...fault, match })));
    }
    planned.push({ trouble, event: kind.event, ids });
  }
  return planned;
}

/** Lets happen what belongs to a fault when it strikes, while the call is held. */
async function watch(run: StepRun, { trouble, event, ids }: Planned, over: AbortSignal) {
  const { place, weather, onStruck } = run;
  const [fault = ''] = ids;
  if (!event) return;
  while (!(await place.bench.struck.has(fault))) {
    if (over.aborted) return;
    await sleep(50);
  }
  onStruck(trouble.kind);
  if (event === 'reboot the guest') await patiently(() => reboot(place));
  else await weather.strike(event, fault);
  await patiently(() => place.bench.control.forget(fault)).catch(() => undefined);
}

interface Expectation {
  operation: Operation;
  /** The type of its refusal. */
  refusal: string | undefined;
  step: Step;
}

async function judgeOperation(
  run: StepRun,
  { operation, refusal, step }: Expectation,
): Promise<Finding[]> {
  const errors = await Promise.all(
    Array.from({ length: step.twice ? 2 : 1 }, () => outcomeOf(run, operation, refusal)),
  );
  const words = wordsOfOperation(operation);
  const told = errors.map((error) => (error ? `${error.name}: ${error.message}` : 'done'));
  const lost = (text: string): Finding[] => [{ outcome: 'lost', text: `${words}: ${text}` }];
  if (refusal !== undefined) {
    const refused = errors.every((error) => isRefusal(error) && error.type === refusal);
    return refused ? [] : lost(`not refused as ${refusal} but ${told.join('; ')}`);
  }
  // Of two that ask for the same one may be told that it is done already.
  const done = errors.some((error) => error === undefined);
  const well = errors.every((error) => error === undefined || isRefusal(error));
  return done && well ? [] : lost(told.join('; '));
}

/** Undefined for success. Where Temporal's word was lost it is asked for again: then a no is as good as the yes that was due. */
async function outcomeOf(
  run: StepRun,
  operation: Operation,
  refusal: string | undefined,
): Promise<Error | undefined> {
  let wordLost = false;
  // A look that somebody waits for gives up after three attempts, of which other lanes' kills may have taken two.
  let mayAskAgain = ['ensure', 'ensure instance', 'reboot instance'].includes(operation.does);
  for (;;) {
    try {
      await perform(run.stage, operation);
      return undefined;
    } catch (error) {
      if (wordLost && refusal === undefined && isRefusal(error)) return undefined;
      if (mayAskAgain && error instanceof OperationFailed) {
        mayAskAgain = false;
        continue;
      }
      if (!(error instanceof TemporalUnreachable)) {
        return error instanceof Error ? error : new Error(String(error));
      }
      wordLost = true;
      await comesToRest(run.place, 30_000);
    }
  }
}

/** False when the lane came to no rest in that time. */
export const comesToRest = ({ bench, lane }: Place, patienceMs: number): Promise<boolean> =>
  untilAtRest(() => patiently(() => entitiesOf(bench, lane)), patienceMs);
