import type { ManageSpec } from '../../client/index.js';
import type { Scenario, Stage } from '../scenario.js';
import { instanceOf, shareWithData } from './stories.js';

const letGo = async ({ hawser, share, signal }: Stage): Promise<void> => {
  await hawser.unmanageShare(share);
  await hawser.waitUntilUnmanaged(share, { signal });
};

const prepared =
  (protocol: 'NFS' | 'CIFS') =>
  async (stage: Stage): Promise<void> => {
    await shareWithData(protocol)(stage);
    const { exportLocations } = await stage.hawser.getShare(stage.share);
    stage.notes.set('location', exportLocations[0]?.path ?? '');
    stage.notes.set('protocol', protocol);
    stage.notes.set('instance', await instanceOf(stage));
  };

const takeOver = async (stage: Stage): Promise<void> => {
  const { hawser, share, lane, notes, signal } = stage;
  const spec: ManageSpec = {
    id: share,
    protocol: notes.get('protocol') === 'CIFS' ? 'CIFS' : 'NFS',
    backend: lane.name,
    exportLocation: notes.get('location') ?? '',
    serviceInstance: notes.get('instance') ?? '',
  };
  await hawser.manageShare(spec);
  await hawser.waitForShare(share, { signal });
};

/** What Hawser forgot, or never took over, it takes over now. */
const giveBack = async (stage: Stage): Promise<void> => {
  const { hawser, share } = stage;
  const known = await hawser.getShare(share).catch(() => undefined);
  if (known?.status === 'available') return;
  if (known && known.status !== 'manage_error') await letGo(stage);
  await takeOver(stage);
};

export const managing: Scenario[] = [
  { name: 'unmanage', prepare: prepared('NFS'), operate: letGo, cleanUp: giveBack },
  { name: 'unmanage-cifs', prepare: prepared('CIFS'), operate: letGo, cleanUp: giveBack },
  ...(['NFS', 'CIFS'] as const).map((protocol): Scenario => ({
    name: `manageExisting-${protocol.toLowerCase()}`,
    prepare: async (stage) => {
      await prepared(protocol)(stage);
      await letGo(stage);
    },
    operate: takeOver,
    cleanUp: giveBack,
  })),
];
