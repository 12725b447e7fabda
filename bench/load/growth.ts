import { costSince, markOf, openBench, type Bench } from '../hawser.js';
import { measureHawser } from '../measure.js';
import { firstShare, lifeOf, type Operation } from '../operations.js';
import { documentOf, type BenchDocument, type Sample } from '../report.js';
import { rounded } from '../statistics.js';
import { undoneAtEnd } from '../undone-at-end.js';
import { haveIdleShares } from './idle-shares.js';
import { useOf, type ProcessUse } from './processes.js';

export interface GrowthOptions {
  /** Numbers of idle shares. */
  idle: number[];
  rounds: number;
  say: (text: string) => void;
}

/** What operations take beside that many shares that have nothing to do. */
export interface GrowthStage {
  idleShares: number;
  operations: (BenchDocument['operations'][number] & {
    /** How many times as long as in the first stage, all and what is over the critical path. */
    timesFirst: number;
    overheadTimesFirst: number;
  })[];
  /** After all operations. */
  processes: ProcessUse[];
}

export interface GrowthDocument {
  stages: GrowthStage[];
  /** To the cloud, while idle shares were started: there is nothing of theirs. */
  requestsForIdleShares: number;
}

const listed: Operation = {
  name: 'all shares listed',
  criticalPathMs: 0,
  hawser: ({ bench: { hawser } }) => hawser.listShares(),
};

/** What each operation takes, the more shares there are that have nothing to do. */
export const measureGrowth = ({ idle, rounds, say }: GrowthOptions): Promise<GrowthDocument> =>
  undoneAtEnd(async (undo) => {
    const bench = await openBench(undo);
    await firstShare.hawser({ bench, share: 'first' });
    // Not measured: the first time a worker does something, it takes longer.
    await measureRound(bench, 'warm-up');
    const measured: { idleShares: number; document: BenchDocument; processes: ProcessUse[] }[] = [];
    let requestsForIdleShares = 0;
    for (const idleShares of idle.toSorted((a, b) => a - b)) {
      const mark = await markOf(bench);
      await haveIdleShares(bench, idleShares);
      requestsForIdleShares += (await costSince(bench, mark)).requests;
      const samples: Sample[] = [];
      for (let round = 1; round <= rounds; round += 1) {
        samples.push(...(await measureRound(bench, `with-${idleShares}-${round}`)));
        say(`growth: ${idleShares} idle shares, round ${round} of ${rounds}`);
      }
      const processes = await useOf(bench.environment);
      measured.push({ idleShares, document: documentOf(samples), processes });
    }
    const [first] = measured;
    const stages = measured.map(({ idleShares, document, processes }) => ({
      idleShares,
      processes,
      operations: document.operations.map((operation, at) => {
        const { wallMs = NaN, overheadMs = NaN } = first?.document.operations[at] ?? {};
        return {
          ...operation,
          timesFirst: rounded(operation.wallMs / wallMs),
          overheadTimesFirst: rounded(operation.overheadMs / overheadMs),
        };
      }),
    }));
    return { stages, requestsForIdleShares };
  });

async function measureRound(bench: Bench, share: string): Promise<Sample[]> {
  const samples: Sample[] = [];
  for (const operation of [...lifeOf('NFS'), listed]) {
    samples.push(await measureHawser({ bench, share }, operation));
  }
  return samples;
}
