import { setTimeout as sleep } from 'node:timers/promises';
import { backendTag, shareTag } from '../../activities/marks.js';
import type { Scenario, Stage } from '../scenario.js';
import { shareWithData } from './stories.js';

/** The volume of a share that nobody knows, attached to the lane's instance. */
async function leaveVolume({ bench, lane, share, signal }: Stage): Promise<void> {
  const { blockStorage, compute } = lane.cloud;
  const { servers = [] } = await bench.control.holdings(lane.project);
  const metadata = { [shareTag]: `${share}-gone`, [backendTag]: lane.name };
  const volume = await blockStorage.createVolume({ name: `left-${share}`, sizeGib: 1, metadata });
  const comesTo = async (status: string) => {
    while ((await blockStorage.getVolume(volume.id)).status !== status) {
      signal.throwIfAborted();
      await sleep(50);
    }
  };
  await comesTo('available');
  await compute.attachVolume(servers[0]?.id ?? '', volume.id);
  await comesTo('in-use');
}

async function sweep({ hawser, lane }: Stage): Promise<void> {
  const options = { remove: true, graceSeconds: 0, evenIfUnknown: true };
  const { orphans, problems } = await hawser.sweep({ backend: lane.name, ...options });
  const left = orphans.flatMap(({ state, id, detail }) =>
    state === 'removed' ? [] : [`${id} is ${state}: ${detail}`],
  );
  if (left.length > 0 || problems.length > 0) throw new Error([...left, ...problems].join('; '));
}

async function ensureAll({ hawser, lane }: Stage): Promise<void> {
  const { instances } = await hawser.ensureShares({ backend: lane.name });
  const problems = instances.flatMap(({ problem, shares }) => [
    ...(problem ? [problem.message] : []),
    ...shares.flatMap(({ result, details }) =>
      ['failed', 'skipped'].includes(result) ? details : [],
    ),
  ]);
  if (problems.length > 0) throw new Error(problems.join('; '));
}

/** What is asked of a backend as a whole. */
export const ofBackend: Scenario[] = [
  {
    name: 'sweep',
    prepare: leaveVolume,
    operate: sweep,
    workflowId: (lane) => `sweep-delete-${lane}`,
    inParts: true,
    cleanUp: sweep,
  },
  {
    name: 'ensureShares',
    like: 'ensureShare',
    prepare: shareWithData('NFS'),
    operate: ensureAll,
    workflowId: (lane) => `ensureShares-${lane}`,
  },
  {
    name: 'backendStatistics',
    prepare: shareWithData('NFS'),
    // What it cannot find out it says, and succeeds.
    operate: ({ hawser, lane }) => hawser.backendStatistics(lane.name),
  },
];
