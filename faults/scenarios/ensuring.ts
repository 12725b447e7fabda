import type { Scenario, Stage } from '../scenario.js';
import { instanceOf, shareWithData } from './stories.js';

/** Somebody took the exports away, on the instance itself. */
const closeByHand = async (stage: Stage): Promise<void> => {
  await shareWithData('NFS')(stage);
  const { bench, lane } = stage;
  const holdings = await bench.control.holdings(lane.project);
  for (const { id } of holdings['servers'] ?? []) await bench.guests.closeExports(id, holdings);
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
    name: 'ensureShare-cifs',
    prepare: shareWithData('CIFS'),
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
