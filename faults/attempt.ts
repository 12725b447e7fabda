import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { callsOf } from './calls.js';
import type { Cell, Verdict } from './cells.js';
import { effectOf, type Effect } from './effect.js';
import { happen } from './events.js';
import { outcomeOf, type Finding } from './findings.js';
import { judge, judgeCleanUp } from './judge.js';
import { freezeSeconds } from './lanes.js';
import { findUnrest, untilAtRest } from './oracles/rest.js';
import {
  describe,
  describeWords,
  entitiesOf,
  retriesIn,
  takePicture,
  type Picture,
} from './picture.js';
import { wordsOf, type Batch, type GoodRun, type Place } from './place.js';
import { isRefusal } from './refusal.js';
import type { Scenario, Stage } from './scenario.js';

/** Runs a scenario once without any fault, or says what was wrong all the same. */
export async function runWell(place: Place, scenario: Scenario): Promise<GoodRun | Verdict> {
  const started = performance.now();
  const verdict = (findings: Finding[]): Verdict => ({
    cell: `${scenario.name}/good-run`,
    outcome: outcomeOf(findings),
    struck: true,
    findings: findings.map(({ outcome, text }) => `${outcome}: ${text}`),
    ms: Math.round(performance.now() - started),
  });
  try {
    const { good, findings } = await goodRun(place, scenario);
    return findings.length === 0 ? good : verdict(findings);
  } catch (error) {
    return verdict([{ outcome: 'lost', text: String(error) }]);
  }
}

async function goodRun(place: Place, scenario: Scenario) {
  const { bench, lane, keeper } = place;
  await keeper.enter(scenario.onInstance === false ? 'bare' : 'instance');
  const began = new Date();
  const stage = newStage(place, AbortSignal.timeout(90_000 * bench.patience));
  await scenario.prepare?.(stage);
  const before = describe(await takePicture(bench, lane), wordsOf(stage));
  const [last] = (await bench.control.requests()).slice(-1);
  await scenario.operate(stage);
  await comesToRest(place);
  const calls = callsOf(await bench.control.requests(last?.number), lane.project);
  const picture = await takePicture(bench, lane);
  const words = wordsOf(stage);
  const after = describe(picture, words);
  const good: GoodRun = {
    calls,
    before,
    after,
    instanceOnly: after,
    words: describeWords(picture, words),
  };
  const findings = await judge({ place, stage, scenario, picture, good, began });
  if (scenario.onInstance === false) {
    await keeper.removeAll({ keepInstance: true });
    good.instanceOnly = describe(await takePicture(bench, lane), words);
  }
  findings.push(...(await cleanUp(place, scenario, stage)));
  return { good, findings };
}

/** Runs a cell, judges it, and leaves the lane as it found it. */
export async function runCell(
  place: Place,
  cell: Cell,
  good: GoodRun,
  batch: Batch,
): Promise<Verdict> {
  const { bench, lane, keeper } = place;
  const { scenario, kind } = cell;
  const limitMs = (kind.limitMs ?? 60_000) * bench.patience;
  const started = performance.now();
  const began = new Date();
  const giveUp = new AbortController();
  const stage = newStage(place, giveUp.signal);
  const findings: Finding[] = [];
  const faults: string[] = [];
  let waited = false;
  let struck = false;
  let resumptionMs: number | undefined;
  try {
    await keeper.enter(scenario.onInstance === false ? 'bare' : 'instance');
    await scenario.prepare?.(stage);
    const effect = await effectOf(place, cell);
    for (const fault of kind.faults(cell.call)) {
      const match = { ...fault.match, project: lane.project };
      faults.push(await bench.control.plan({ ...fault, match }));
    }
    const operation = outcomeOfOperation(scenario.operate(stage));
    struck = await strikes(place, faults[0] ?? '', operation, effect);
    waited = true;
    const killed = await batch.struck(place, struck);
    const again =
      struck && kind.event === 'ask again' && outcomeOfOperation(scenario.operate(stage));
    if (struck && kind.event) struck = await happen(kind.event, place, scenario);
    // What is held goes on; what shall strike later may still do so.
    if (kind.event) await bench.control.forget(faults[0] ?? '');
    const failure = await Promise.race([
      operation,
      sleep(limitMs, 'late' as const, { ref: false }),
    ]);
    // A list that was never another one, for instance, was answered as it is.
    if (!kind.event) struck &&= await bench.struck.has(faults[0] ?? '');
    for (const fault of faults) await bench.control.forget(fault).catch(() => undefined);
    const second =
      again && (await Promise.race([again, sleep(limitMs, undefined, { ref: false })]));
    if (second && !isRefusal(second)) {
      findings.push({ outcome: 'lost', text: `asked for twice: ${second.message}` });
    }
    if (failure === 'late') {
      findings.push({ outcome: 'stuck', text: `it did not end within ${limitMs / 1000} s` });
      giveUp.abort(new Error('the cell took too long'));
    }
    if (!(await operationEnds(place, scenario)) || !(await comesToRest(place))) {
      findings.push({ outcome: 'stuck', text: 'Hawser came to no rest' });
    }
    if (killed) resumptionMs = await resumption(place, killed.killedAt);
    if (kind.mayFail && !kind.lasts && failure !== 'late') await tryAgain(place);
    const picture = await pictureAtRest(place);
    if (failure !== 'late') {
      // Temporal's word was lost on its way to the caller: what was asked for is done all the same.
      const known = failure?.name === 'TemporalUnreachable' ? undefined : failure;
      findings.push(
        ...(await judge({ place, stage, scenario, picture, good, began, failure: known, kind })),
      );
      // What a newer build did is no matter of this code.
      if (kind.event !== 'replace the worker') findings.push(...(await replaySome(place, began)));
    }
    for (const { id } of picture.holdings['servers'] ?? []) await bench.guests.heal(id);
    findings.push(...(await cleanUp(place, scenario, stage)));
  } catch (error) {
    findings.push({ outcome: 'stuck', text: `the cell itself failed: ${String(error)}` });
  } finally {
    if (!waited) await batch.struck(place, false);
    for (const fault of faults) await bench.control.forget(fault).catch(() => undefined);
  }
  if (findings.length > 0) await keeper.scrub();
  return {
    cell: cell.id,
    outcome: outcomeOf(findings),
    struck,
    findings: findings.map(({ outcome, text }) => `${outcome}: ${text}`),
    ms: Math.round(performance.now() - started),
    ...(resumptionMs !== undefined && { resumptionMs }),
  };
}

/**
 * A worker that begins looks at the server of a backend once more: what began after the rest is waited for too. A file system
 * that nobody thaws any more is thawed by its instance.
 */
async function pictureAtRest(place: Place): Promise<Picture> {
  const { bench, lane } = place;
  const deadline = Date.now() + 2 * freezeSeconds * 1000 * bench.patience;
  for (;;) {
    const picture = await takePicture(bench, lane);
    const isFrozen = picture.guests.some(({ lines }) =>
      lines.some((one) => one.endsWith('frozen')),
    );
    if (Date.now() > deadline) return picture;
    if (findUnrest(picture).length > 0) await comesToRest(place);
    else if (isFrozen) await sleep(500);
    else return picture;
  }
}

/** What could not be undone or deleted is tried again now rather than in a minute. */
async function tryAgain(place: Place): Promise<void> {
  const { hawser } = place.bench;
  const due = retriesIn(await entitiesOf(place.bench, place.lane));
  // Why one does not succeed is in its view.
  for (const { what } of due) await hawser.retry(what).catch(() => undefined);
  if (due.length > 0) await comesToRest(place);
}

const replayedOf = 10;
let judged = 0;

/** It takes as long as a cell: one of ten. */
async function replaySome({ bench, lane }: Place, began: Date): Promise<Finding[]> {
  judged += 1;
  return (judged % replayedOf === 0 && (await bench.replayer?.lookInto(bench, lane, began))) || [];
}

function newStage({ bench, lane }: Place, signal: AbortSignal): Stage {
  return {
    bench,
    lane,
    hawser: bench.hawser,
    share: `f${randomBytes(4).toString('hex')}`,
    data: new Map(),
    notes: new Map(),
    signal,
  };
}

/** Undefined for success. */
const outcomeOfOperation = (operation: Promise<unknown>): Promise<Error | undefined> =>
  operation.then(
    () => undefined,
    (error: unknown) => (error instanceof Error ? error : new Error(String(error))),
  );

/** False when the operation ended without it, or nothing came for long. */
async function strikes(
  { bench }: Place,
  fault: string,
  operation: Promise<unknown>,
  effect: Effect,
): Promise<boolean> {
  let over = false;
  void operation.then(() => (over = true));
  const deadline = Date.now() + 45_000 * bench.patience;
  for (;;) {
    const ended = over;
    const struck = await bench.struck.has(fault);
    if (struck && (await effect.isThere())) return true;
    if (ended || Date.now() > deadline) return struck;
    await sleep(30);
  }
}

const restMs = 20_000;

const comesToRest = ({ bench, lane }: Place): Promise<boolean> =>
  untilAtRest(() => entitiesOf(bench, lane), restMs * bench.patience);

/** No share and no instance names what is asked of a backend as a whole; it goes on when its caller lost sight of it. */
async function operationEnds({ bench, lane }: Place, scenario: Scenario): Promise<boolean> {
  const workflowId = scenario.workflowId?.(lane.name);
  if (workflowId === undefined) return true;
  const operation = bench.hawser.temporal.workflow.getHandle(workflowId);
  const deadline = Date.now() + restMs * bench.patience;
  while ((await operation.describe()).status.name === 'RUNNING') {
    if (Date.now() > deadline) return false;
    await sleep(100);
  }
  return true;
}

/** Until the first call of the new worker in this lane. */
async function resumption({ bench, lane }: Place, killedAt: number): Promise<number | undefined> {
  const entries = await bench.control.requests();
  const first = entries
    .filter(({ project, at }) => project === lane.project && at > killedAt)
    .toSorted((a, b) => a.at - b.at)[0];
  return first && first.at - killedAt;
}

async function cleanUp(place: Place, scenario: Scenario, stage: Stage): Promise<Finding[]> {
  await scenario.cleanUp?.(stage);
  const problems = await place.keeper.removeAll({ keepInstance: scenario.onInstance !== false });
  return [
    ...problems.map((text): Finding => ({ outcome: 'stuck', text })),
    ...(await judgeCleanUp(place)),
  ];
}
