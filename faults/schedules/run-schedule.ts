import { setTimeout as sleep } from 'node:timers/promises';
import type { Outcome } from '../cells.js';
import { outcomeOf, type Finding } from '../findings.js';
import { judgeCleanUp } from '../judge.js';
import { compareAccess } from '../oracles/access.js';
import { compareSizes } from '../oracles/size.js';
import { lookIntoHistories } from '../oracles/histories.js';
import { findUnrest } from '../oracles/rest.js';
import { takePicture, type Picture } from '../picture.js';
import type { Place } from '../place.js';
import type { Stage } from '../scenario.js';
import { lostData } from '../share-data.js';
import { compareWithModel } from './compare.js';
import { Model } from './model.js';
import { patiently } from './patiently.js';
import type { Schedule } from './plan.js';
import { runStep, comesToRest } from './run-step.js';
import type { Weather } from './weather.js';

export interface ScheduleVerdict {
  seed: number;
  outcome: Outcome;
  /** What is wrong, the worst first; empty when it passed. */
  findings: string[];
  /** How many steps and operations ran: none after one in which something was wrong. */
  steps: number;
  operations: number;
  /** The kinds of those faults that struck. */
  struck: string[];
  ms: number;
}

export interface ScheduleRun {
  weather: Weather;
  /** What its shares are called after: no other run has it. */
  name: string;
  /** Looks into the histories that the run has made. */
  replay?: (place: Place, began: Date) => Promise<Finding[]>;
}

/** Runs a schedule in a lane and judges what came of it. One that passed leaves the lane as it found it. */
export async function runSchedule(
  place: Place,
  schedule: Schedule,
  { weather, name, replay }: ScheduleRun,
): Promise<ScheduleVerdict> {
  const { keeper } = place;
  const started = performance.now();
  const began = new Date();
  const giveUp = new AbortController();
  const stage = newStage(place, name, giveUp.signal);
  const model = new Model(schedule.begins === 'instance');
  const struck: string[] = [];
  const findings: Finding[] = [];
  let steps = 0;
  let operations = 0;
  try {
    await patiently(() => keeper.enter(schedule.begins));
    const run = { place, stage, model, weather, onStruck: (kind: string) => struck.push(kind) };
    for (const step of schedule.steps) {
      findings.push(...(await runStep(run, step)));
      steps += 1;
      operations += step.operations.length;
      // From here on the model would be another story.
      if (findings.length > 0) break;
    }
    giveUp.abort(new Error('the schedule is over'));
    if (findings.length === 0) findings.push(...(await judge({ place, stage, model, began })));
    if (findings.length === 0) findings.push(...(await cleanUp(place, schedule, model)));
    if (replay) findings.push(...(await replay(place, began)));
  } catch (error) {
    findings.push({ outcome: 'stuck', text: `the schedule itself failed: ${String(error)}` });
  }
  return {
    seed: schedule.seed,
    outcome: outcomeOf(findings),
    findings: findings.map(({ outcome, text }) => `${outcome}: ${text}`),
    steps,
    operations,
    struck,
    ms: Math.round(performance.now() - started),
  };
}

const newStage = ({ bench, lane }: Place, share: string, signal: AbortSignal): Stage => ({
  bench,
  lane,
  hawser: bench.hawser,
  share,
  data: new Map(),
  notes: new Map(),
  signal,
});

interface Ended {
  place: Place;
  stage: Stage;
  model: Model;
  began: Date;
}

async function judge({ place, stage, model, began }: Ended): Promise<Finding[]> {
  const { bench, lane } = place;
  if (!(await comesToRest(place, 20_000))) {
    return [{ outcome: 'stuck', text: 'Hawser came to no rest' }];
  }
  const picture = await patiently(() => takePicture(bench, lane));
  return [
    ...compareWithModel({ model, name: stage.share, lane }, picture),
    ...(await judgeData(stage, picture)),
    ...compareAccess(picture),
    ...compareSizes(picture),
    ...findUnrest(picture),
    ...(await patiently(() => lookIntoHistories(bench, lane, began))),
  ];
}

async function judgeData({ bench, data }: Stage, picture: Picture): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const [shareId, checksum] of data) {
    const text = await lostData(bench.guests, picture, shareId, checksum);
    if (text !== undefined) findings.push({ outcome: 'lost', text });
  }
  return findings;
}

/** Everything goes through Hawser; the instances that were there before stay for the next schedule. */
async function cleanUp(place: Place, { begins }: Schedule, model: Model): Promise<Finding[]> {
  const { keeper } = place;
  const problems = await removeShares(place);
  if (begins === 'bare' || model.instances.size < 2) await patiently(() => keeper.enter('bare'));
  return [
    ...problems.map((text): Finding => ({ outcome: 'stuck', text })),
    ...(await patiently(() => judgeCleanUp(place))),
  ];
}

/** What cannot be deleted while Temporal or the cloud is away is deleted when it is back. */
async function removeShares({ keeper }: Place): Promise<string[]> {
  for (let round = 1; ; round += 1) {
    const problems = await patiently(() => keeper.removeAll({ keepInstance: true }));
    if (problems.length === 0 || round === 3) return problems;
    await sleep(2000);
  }
}
