import type { Bench } from './bench.js';
import type { Call } from './calls.js';
import type { LaneKeeper } from './lane-base.js';
import type { Lane } from './lanes.js';
import type { Stage } from './scenario.js';

/** How a scenario goes when nothing is wrong. */
export interface GoodRun {
  calls: Call[];
  before: string[];
  after: string[];
  /** With the instance that was set up for it, and without the share; as `after` where none was. */
  instanceOnly: string[];
  /** What Hawser says when it is over. */
  words: string[];
}

export interface Place {
  bench: Bench;
  lane: Lane;
  keeper: LaneKeeper;
}

/** What the runs of a batch have in common: some wait for each other, so that one kill serves all. */
export interface Batch {
  /** Waits until the faults of all have struck, or can't any more, and what happens to all has happened. */
  struck(place: Place, struck: boolean): Promise<{ killedAt: number } | undefined>;
}

/** The texts by which a lane and its shares differ from others. */
export const wordsOf = ({ lane, share }: Stage): [string, string][] => [
  [share, 'SHARE'],
  [lane.project, 'PROJECT'],
  [lane.name, 'LANE'],
];
