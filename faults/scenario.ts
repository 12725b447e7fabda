import { createHash } from 'node:crypto';
import type { ShareView } from '../client/index.js';
import type { Bench } from './bench.js';
import type { Lane, Layout } from './lanes.js';

/** One run of a scenario in a lane. */
export interface Stage {
  bench: Bench;
  lane: Lane;
  hawser: Bench['hawser'];
  /** An id that no other run has; further shares are called after it. */
  share: string;
  /** What was put into shares, by share: its checksum must be there as long as the share is. */
  data: Map<string, string>;
  /** What `prepare` wants to hand to the others. */
  notes: Map<string, string>;
  /** Aborts when the cell is given up. */
  signal: AbortSignal;
}

/** A workflow of the driver, from what it begins with to where it shall end. */
export interface Scenario {
  name: string;
  /** The scenario whose steps are among its own. Default: what its name begins with, up to a dash. */
  like?: string;
  /** In which lanes it runs. Default: plain ones. */
  layout?: Layout;
  /** For all but crashes only calls count that these scenarios before it do not make. */
  beyond?: string[];
  /** Whether the lane has its service instance before it begins. Default: true. */
  onInstance?: boolean;
  /** What is cancelled or terminated, of a lane's name. Default: the operation that a share or an instance names. */
  workflowId?(lane: string): string;
  /** It does several things, and undoes none when it fails: `cleanUp` does the rest. */
  inParts?: boolean;
  prepare?(stage: Stage): Promise<void>;
  /** The operation under test; returns when it ended, throws when it failed. */
  operate(stage: Stage): Promise<unknown>;
  /** Gives back to Hawser what it does not know of any more; then its shares are deleted. */
  cleanUp?(stage: Stage): Promise<void>;
}

export const checksumOf = (content: string): string =>
  createHash('sha256').update(content).digest('hex');

export const createShare = async (
  { hawser, lane, signal }: Stage,
  id: string,
  protocol: ShareView['protocol'],
  more: {
    sizeGib?: number;
    shareNetwork?: string;
    fromSnapshot?: { shareId: string; snapshotId: string };
  } = {},
): Promise<ShareView> => {
  lane.shares.add(id);
  await hawser.createShare({ id, protocol, sizeGib: 1, ...lane.where, ...more });
  return hawser.waitForShare(id, { signal });
};
