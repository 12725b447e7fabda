import { createApi } from '../../openstack/api.js';
import type { Scenario, Stage } from '../scenario.js';
import { shareWithData } from './stories.js';

const id = 'snap';

const withSnapshot = async (stage: Stage): Promise<void> => {
  await shareWithData('NFS')(stage);
  const { volumeSnapshotId } = await stage.hawser.createSnapshot(stage.share, { id });
  stage.notes.set('snapshot', volumeSnapshotId ?? '');
};

/** What Hawser forgot is deleted as its operator would. */
const removeForgotten = async ({ bench, lane, hawser, share, notes }: Stage): Promise<void> => {
  const known = await hawser.listSnapshots(share).catch(() => []);
  for (const { status } of known) {
    // Deleting what was never taken over only forgets it.
    if (status === 'manage_error') await hawser.deleteSnapshot(share, id);
    else if (status === 'unmanage_error') await hawser.unmanageSnapshot(share, id);
    else return;
  }
  const forgotten = notes.get('snapshot') ?? '';
  const cinder = createApi(lane.cloud.session, 'volume');
  await cinder.remove(`/snapshots/${forgotten}`);
  const deadline = Date.now() + 30_000 * bench.patience;
  while (Date.now() < deadline) {
    const { snapshots = [] } = await bench.control.holdings(lane.project);
    if (!snapshots.some((snapshot) => snapshot.id === forgotten)) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
};

export const snapshots: Scenario[] = [
  {
    name: 'createSnapshot',
    prepare: shareWithData('NFS'),
    operate: ({ hawser, share }) => hawser.createSnapshot(share, { id }),
  },
  {
    name: 'deleteSnapshot',
    prepare: withSnapshot,
    operate: ({ hawser, share }) => hawser.deleteSnapshot(share, id),
  },
  {
    name: 'unmanageSnapshot',
    prepare: withSnapshot,
    operate: ({ hawser, share }) => hawser.unmanageSnapshot(share, id),
    cleanUp: removeForgotten,
  },
  {
    name: 'manageExistingSnapshot',
    prepare: async (stage) => {
      await withSnapshot(stage);
      await stage.hawser.unmanageSnapshot(stage.share, id);
    },
    operate: ({ hawser, share, notes }) =>
      hawser.manageSnapshot(share, { id, providerLocation: notes.get('snapshot') ?? '' }),
    cleanUp: removeForgotten,
  },
];
