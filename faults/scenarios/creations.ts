import { serviceInstanceWorkflowId } from '../../workflows/model.js';
import { createShare, type Scenario, type Stage } from '../scenario.js';
import { writeData } from '../share-data.js';

const originOf = ({ share }: Stage) => `${share}-o`;

/** A worker looks for its backend's server when it starts: the next share shall do it again. */
const forgetServer = async ({ hawser, lane }: Stage): Promise<void> => {
  const { workflow } = hawser.temporal;
  const handle = workflow.getHandle(serviceInstanceWorkflowId(lane.instance));
  const { status } = await handle.describe();
  if (status.name === 'RUNNING') await handle.terminate('shall be looked for again');
};

const createNfsShare = (stage: Stage) => createShare(stage, stage.share, 'NFS');

/** The first share of a network. */
const setUp: Omit<Scenario, 'name'> = {
  like: 'createShare',
  onInstance: false,
  operate: createNfsShare,
};

export const creations: Scenario[] = [
  {
    name: 'createShare-nfs',
    operate: createNfsShare,
  },
  {
    name: 'createShare-cifs',
    operate: (stage) => createShare(stage, stage.share, 'CIFS'),
  },
  {
    name: 'createShare-from-snapshot',
    prepare: async (stage) => {
      const id = originOf(stage);
      await createShare(stage, id, 'NFS');
      await writeData(stage, id);
      await stage.hawser.createSnapshot(id, { id: 'snap' });
    },
    operate: async (stage) => {
      const origin = originOf(stage);
      const fromSnapshot = { shareId: origin, snapshotId: 'snap' };
      await createShare(stage, stage.share, 'NFS', { fromSnapshot });
      // The copy begins with what the share had.
      stage.data.set(stage.share, stage.data.get(origin) ?? '');
    },
  },
  { name: 'setUpServiceInstance', ...setUp },
  {
    name: 'setUpServiceInstance-tenant',
    layout: 'tenant',
    beyond: ['createShare-nfs', 'setUpServiceInstance'],
    ...setUp,
  },
  {
    name: 'setUpServiceInstance-from-volume',
    layout: 'volume',
    beyond: ['createShare-nfs', 'setUpServiceInstance'],
    ...setUp,
  },
  {
    name: 'getCommonServer',
    like: 'createShare',
    layout: 'existing',
    beyond: ['createShare-nfs'],
    prepare: forgetServer,
    operate: createNfsShare,
  },
];
