import { createShare, type Scenario } from '../scenario.js';
import { writeData } from '../share-data.js';
import { shareWithData } from './stories.js';

export const changes: Scenario[] = [
  {
    name: 'extendShare',
    prepare: shareWithData('NFS'),
    operate: ({ hawser, share }) => hawser.extendShare(share, 2),
  },
  {
    name: 'shrinkShare',
    prepare: shareWithData('NFS', 2),
    operate: ({ hawser, share }) => hawser.shrinkShare(share, 1),
  },
  {
    name: 'shrinkShare-cifs',
    prepare: shareWithData('CIFS', 2),
    operate: ({ hawser, share }) => hawser.shrinkShare(share, 1),
  },
  {
    name: 'extendShare-cifs',
    prepare: shareWithData('CIFS'),
    operate: ({ hawser, share }) => hawser.extendShare(share, 2),
  },
  {
    name: 'updateAccess-nfs',
    prepare: shareWithData('NFS'),
    operate: ({ hawser, share }) =>
      hawser.allowAccess(share, { id: 'third', to: '10.20.9.9', level: 'ro' }),
  },
  {
    name: 'updateAccess-deny',
    prepare: shareWithData('NFS'),
    operate: ({ hawser, share }) => hawser.denyAccess(share, 'first'),
  },
  {
    name: 'updateAccess-cifs',
    prepare: shareWithData('CIFS'),
    operate: ({ hawser, share }) =>
      hawser.allowAccess(share, { id: 'third', to: '10.20.9.9', level: 'rw' }),
  },
  {
    name: 'updateAccess-users',
    layout: 'users',
    prepare: async (stage) => {
      const { hawser, share } = stage;
      await createShare(stage, share, 'CIFS');
      await writeData(stage, share);
      await hawser.allowAccess(share, { id: 'first', type: 'user', to: 'alice', level: 'rw' });
      await hawser.allowAccess(share, { id: 'second', type: 'user', to: 'bob', level: 'ro' });
    },
    operate: ({ hawser, share }) => hawser.changeAccess(share, 'first', 'ro'),
  },
];
