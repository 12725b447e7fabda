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

/** That it is up again and its shares are not is no failure of Hawser's: its report says so. */
async function reboot({ hawser }: Stage, instance: string): Promise<void> {
  const { shares } = await hawser.rebootInstance(instance, 'HARD');
  const failed = shares.filter(({ result }) => ['failed', 'skipped'].includes(result));
  if (failed.length > 0) throw new Error(failed.flatMap(({ details }) => details).join('; '));
}

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
    operate: onInstance(reboot),
  },
];
