import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Scenario, Stage } from '../scenario.js';
import { instanceOf, shareWithData } from './stories.js';

/** Somebody took the exports away, on the instance itself. */
const closeByHand = async (stage: Stage): Promise<void> => {
  await shareWithData('NFS')(stage);
  const { bench, lane } = stage;
  const { servers = [] } = await bench.control.holdings(lane.project);
  for (const { id } of servers) {
    const root = join(bench.environment.stateDir, 'cloud/hosts/machines', id, 'root');
    const folder = join(root, 'etc/exports.d');
    for (const name of await readdir(folder)) await rm(join(folder, name));
    await writeFile(join(root, 'var/lib/nfs/etab'), '');
  }
};

const onInstance =
  (operation: (stage: Stage, instance: string) => Promise<unknown>) => async (stage: Stage) =>
    operation(stage, await instanceOf(stage));

export const ensuring: Scenario[] = [
  {
    name: 'ensureShare',
    prepare: shareWithData('NFS'),
    operate: ({ hawser, share }) => hawser.ensureShare(share),
  },
  {
    name: 'ensureShare-repairs',
    prepare: closeByHand,
    operate: ({ hawser, share }) => hawser.ensureShare(share),
  },
  {
    name: 'ensureServiceInstance',
    operate: onInstance(({ hawser }, instance) => hawser.ensureInstance(instance)),
  },
  {
    name: 'rebootServiceInstance',
    prepare: shareWithData('NFS'),
    operate: onInstance(({ hawser }, instance) => hawser.rebootInstance(instance, 'HARD')),
  },
];
