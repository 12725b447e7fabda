import type { ManageSpec } from '../../client/index.js';
import type { Lane } from '../lanes.js';
import { createShare, type Stage } from '../scenario.js';
import { writeData } from '../share-data.js';
import { networkOf, type Network, type Operation } from './operations.js';
import { patiently } from './patiently.js';

/** Asks Hawser for an operation; returns when it ended, throws when it failed or was refused. */
export async function perform(stage: Stage, operation: Operation): Promise<unknown> {
  const { hawser, lane, signal } = stage;
  switch (operation.does) {
    case 'create': {
      const { share, protocol, sizeGib } = operation;
      return createShare(stage, idOf(stage, share), protocol, {
        sizeGib,
        ...whereIs(stage, share),
      });
    }
    case 'copy':
      return copy(stage, operation);
    case 'ensure instance':
      return hawser.ensureInstance(instanceIn(lane, operation.of));
    case 'reboot instance':
      return hawser.rebootInstance(instanceIn(lane, operation.of), 'HARD');
    case 'delete instance':
      await hawser.deleteInstance(instanceIn(lane, operation.of));
      return hawser.waitUntilInstanceDeleted(instanceIn(lane, operation.of), { signal });
    default:
      return performOnShare(stage, operation, idOf(stage, operation.share));
  }
}

/** The id of the instance that serves a network of the lane's. */
export const instanceIn = (
  { instance, second }: Pick<Lane, 'instance' | 'second'>,
  network: Network,
): string => (network === 1 || !second ? instance : second.instance);

const whereIs = ({ lane }: Stage, share: string): { shareNetwork?: string } =>
  lane.second && networkOf(share) === 2 ? { shareNetwork: lane.second.shareNetwork } : {};

/** The share of a plan as it is called in this run. */
export const idOf = ({ share: name }: Pick<Stage, 'share'>, share: string): string =>
  `${name}-${share}`;

type OnShare = Exclude<Operation, { does: 'create' | 'copy' } | { does: `${string} instance` }>;

async function performOnShare(stage: Stage, operation: OnShare, id: string): Promise<unknown> {
  const { hawser, data, notes, signal } = stage;
  switch (operation.does) {
    case 'write':
      await hawser.getShare(id);
      return patiently(() => writeData(stage, id));
    case 'allow': {
      const { rule, to, level } = operation;
      return hawser.allowAccess(id, { id: rule, to, level });
    }
    case 'change':
      return hawser.changeAccess(id, operation.to, operation.level);
    case 'deny':
      return hawser.denyAccess(id, operation.to);
    case 'extend':
      return hawser.extendShare(id, operation.sizeGib);
    case 'shrink':
      return hawser.shrinkShare(id, operation.sizeGib);
    case 'take snapshot': {
      const { snapshot } = operation;
      await hawser.createSnapshot(id, { id: snapshot });
      return notes.set(noteOf(id, snapshot), data.get(id) ?? '');
    }
    case 'delete snapshot':
      return hawser.deleteSnapshot(id, operation.snapshot);
    case 'ensure':
      return hawser.ensureShare(id);
    case 'hand over':
      return handOver(stage, id, instanceIn(stage.lane, networkOf(operation.share)));
    default:
      await hawser.deleteShare(id);
      await hawser.waitUntilDeleted(id, { signal });
      return data.delete(id);
  }
}

/** What a share's data were when its snapshot was taken. */
const noteOf = (id: string, snapshot: string): string => `${id} at ${snapshot}`;

async function copy(stage: Stage, operation: Operation & { does: 'copy' }): Promise<void> {
  const { share, protocol, origin, snapshot } = operation;
  const [id, shareId] = [idOf(stage, share), idOf(stage, origin)];
  const { sizeGib } = await stage.hawser.getSnapshot(shareId, snapshot);
  const fromSnapshot = { shareId, snapshotId: snapshot };
  await createShare(stage, id, protocol, { fromSnapshot, sizeGib, ...whereIs(stage, share) });
  const checksum = stage.notes.get(noteOf(shareId, snapshot)) ?? '';
  if (checksum !== '') stage.data.set(id, checksum);
}

/** Unmanages a share and manages it again; asked again, it goes on where it was. */
async function handOver(stage: Stage, id: string, serviceInstance: string): Promise<void> {
  const { hawser, lane, notes, signal } = stage;
  const note = `${id} is at`;
  if (!notes.has(note)) {
    const { protocol, exportLocations } = await hawser.getShare(id);
    const spec: ManageSpec = {
      id,
      protocol,
      backend: lane.name,
      exportLocation: exportLocations[0]?.path ?? '',
      serviceInstance,
    };
    await hawser.unmanageShare(id);
    notes.set(note, JSON.stringify(spec));
  }
  await hawser.waitUntilUnmanaged(id, { signal });
  await hawser.manageShare(JSON.parse(notes.get(note) ?? '') as ManageSpec);
  await hawser.waitForShare(id, { signal });
  notes.delete(note);
}
