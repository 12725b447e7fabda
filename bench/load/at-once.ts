import { randomUUID } from 'node:crypto';
import { openBench, tenantOf } from '../hawser.js';
import { measure } from '../measure.js';
import {
  create,
  createdMs,
  deletedMs,
  firstShare,
  firstShareDeleted,
  remove,
  uuid,
  type Operation,
} from '../operations.js';
import { openOriginal } from '../original/beside.js';
import { documentOf, type BenchDocument, type Sample } from '../report.js';
import { undoneAtEnd } from '../undone-at-end.js';

export interface AtOnceOptions {
  /** Shares; an instance takes 26. */
  atOnce: number;
  rounds: number;
  /** Whether the original is measured beside Hawser. */
  original: boolean;
  say: (text: string) => void;
}

/** Shares that come and go all at once, on a service instance that is ready. */
export const measureAtOnce = (options: AtOnceOptions): Promise<BenchDocument> =>
  undoneAtEnd(async (undo) => {
    const bench = await openBench(undo);
    const original = options.original ? await openOriginal(undo, bench) : undefined;
    const turn = { bench, server: randomUUID(), tenant: await tenantOf(bench) };
    const samples: Sample[] = [];
    const run = (share: string, operation: Operation, round: number) =>
      measure({ ...turn, share }, { operation, original, round });
    // It makes the instance, and room for all: none of them shall go to another one.
    await run('first', firstShare, 1);
    await run('first', firstShareDeleted, 1);
    for (let round = 1; round <= options.rounds; round += 1) {
      for (const operation of [createdAtOnce(options.atOnce), deletedAtOnce(options.atOnce)]) {
        samples.push(await run(`at-once-${round}`, operation, round));
      }
      options.say(`at once: round ${round} of ${options.rounds}`);
    }
    return documentOf(samples);
  });

const createdAtOnce = (count: number): Operation => ({
  name: `${count} NFS shares created at once`,
  criticalPathMs: createdMs,
  hawser: ({ bench, share: prefix }) =>
    Promise.all(sharesOf(prefix, count).map((share) => create({ bench, share }, 'NFS'))),
  original: ({ share: prefix, server }) =>
    sharesOf(prefix, count).map((share) => ({
      command: 'createShare',
      share: uuid(share),
      server,
      protocol: 'NFS',
      size: 1,
    })),
  atOnce: true,
});

const deletedAtOnce = (count: number): Operation => ({
  name: `${count} NFS shares deleted at once`,
  criticalPathMs: deletedMs,
  hawser: ({ bench, share: prefix }) =>
    Promise.all(sharesOf(prefix, count).map((share) => remove({ bench, share }))),
  original: ({ share: prefix }) =>
    sharesOf(prefix, count).map((share) => ({ command: 'deleteShare', share: uuid(share) })),
  atOnce: true,
});

const sharesOf = (prefix: string, count: number): string[] =>
  Array.from({ length: count }, (_, at) => `${prefix}-${at}`);
