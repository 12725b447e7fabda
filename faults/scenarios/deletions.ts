import { createShare, type Scenario, type Stage } from '../scenario.js';
import { instanceOf, shareWithData } from './stories.js';

const remove = async ({ hawser, share, signal }: Stage) => {
  await hawser.deleteShare(share);
  await hawser.waitUntilDeleted(share, { signal });
};

/** An instance without shares is deleted. */
const deleteInstance: Omit<Scenario, 'name'> = {
  onInstance: false,
  prepare: async (stage) => {
    await createShare(stage, stage.share, 'NFS');
    await remove(stage);
    stage.notes.set('instance', await instanceOf(stage));
  },
  operate: async ({ hawser, notes, signal }) => {
    const id = notes.get('instance') ?? '';
    await hawser.deleteInstance(id);
    await hawser.waitUntilInstanceDeleted(id, { signal });
  },
};

export const deletions: Scenario[] = [
  { name: 'deleteShare-nfs', prepare: shareWithData('NFS'), operate: remove },
  { name: 'deleteShare-cifs', prepare: shareWithData('CIFS'), operate: remove },
  { name: 'deleteServiceInstance', ...deleteInstance },
  {
    name: 'deleteServiceInstance-from-volume',
    layout: 'volume',
    beyond: ['deleteServiceInstance'],
    ...deleteInstance,
  },
];
