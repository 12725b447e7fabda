import type { Protocol } from '../../client/index.js';
import { entitiesOf } from '../picture.js';
import { createShare, type Stage } from '../scenario.js';
import { writeData } from '../share-data.js';

/** A share that somebody has written into, and that two may mount. */
export const shareWithData =
  (protocol: Protocol, sizeGib = 1) =>
  async (stage: Stage): Promise<void> => {
    const { hawser, share } = stage;
    await createShare(stage, share, protocol, { sizeGib });
    await writeData(stage, share);
    await hawser.allowAccess(share, { id: 'first', to: '10.20.0.7', level: 'rw' });
    if (protocol === 'NFS') {
      await hawser.allowAccess(share, { id: 'second', to: '10.20.8.0/24', level: 'ro' });
    }
  };

/** The id of the lane's service instance. */
export async function instanceOf({ bench, lane }: Stage): Promise<string> {
  const { instances } = await entitiesOf(bench, lane);
  const [instance] = instances;
  if (!instance) throw new Error(`${lane.name} has no service instance`);
  return instance.id;
}
