import { randomUUID } from 'node:crypto';
import type { ShareView } from '../workflows/model.js';
import type { Command, Protocol } from './original/original.js';
import { atOnce, commands, inRow } from './latencies.js';
import { backend, shareNetwork, type Bench, type Tenant } from './hawser.js';

/** Hawser at work on a share. */
export interface OwnTurn {
  bench: Bench;
  /** The share's id. */
  share: string;
}

/** One of the two at work on its share; the original has another id for it, for the same would clash on a host of both. */
export interface Turn extends OwnTurn {
  /** Of the original's share server. */
  server: string;
  tenant: Tenant;
}

/** What is measured, in the order in which a share lives: each begins where the one before it ended. */
export interface Operation {
  name: string;
  /** What the cloud and the fewest commands take, one after the other where they must be. */
  criticalPathMs: number;
  /** Only of shares of this protocol. */
  only?: Protocol;
  /** What must be known first, and is not measured. */
  before?: (turn: OwnTurn) => Promise<unknown>;
  hawser: (turn: OwnTurn) => Promise<unknown>;
  /** Undefined for what the original does not do. */
  original?: (turn: Turn) => Command[];
}

/** The share made from its snapshot. */
const copyOf = (share: string): string => `${share}-copy`;

const client = '10.20.0.7';
const snapshot = 'snap';
/** The original wants UUIDs, and never two of the same. */
const idOf = new Map<string, string>();
export const uuid = (name: string): string => {
  const known = idOf.get(name) ?? randomUUID();
  idOf.set(name, known);
  return known;
};

export const create = async (
  { bench: { hawser }, share }: OwnTurn,
  protocol: Protocol,
): Promise<void> => {
  await hawser.createShare({ id: share, protocol, sizeGib: 1, shareNetwork, backend });
  await hawser.waitForShare(share);
};

export const remove = async ({ bench: { hawser }, share }: OwnTurn): Promise<void> => {
  await hawser.deleteShare(share);
  await hawser.waitUntilDeleted(share);
};

const attachedMs = inRow('volume.create', 'volume.attach');

/** On an instance that is ready; the export, to nobody, is written while the volume is attached, then a file system is made and mounted. */
export const createdMs = attachedMs + commands(1);

/** The instance is set up while the volume is made. */
export const createdFirstMs =
  atOnce(inRow('server.create', 'host.boot'), inRow('volume.create')) +
  inRow('volume.attach') +
  commands(1);

/** Closed and unmounted. */
export const deletedMs = commands(1) + inRow('volume.detach', 'volume.delete');

/** What shares were before they were unmanaged. */
const former = new Map<string, ShareView>();

/** Of one share, on an instance that is ready. */
export const lifeOf = (protocol: Protocol): Operation[] =>
  everything(protocol).filter(({ only = protocol }) => only === protocol);

const everything = (protocol: Protocol): Operation[] => [
  {
    name: `${protocol} share created on a ready instance`,
    criticalPathMs: createdMs,
    hawser: (turn) => create(turn, protocol),
    original: ({ share, server }) => [
      {
        command: 'createShare',
        share: uuid(share),
        server,
        protocol,
        size: 1,
      },
    ],
  },
  {
    name: `${protocol} access allowed`,
    criticalPathMs: commands(1),
    hawser: ({ bench: { hawser }, share }) =>
      hawser.allowAccess(share, { id: 'rule', to: client, level: 'rw' }),
    original: ({ share }) => [
      {
        command: 'allowAccess',
        share: uuid(share),
        to: client,
        level: 'rw',
      },
    ],
  },
  {
    name: 'NFS access level changed',
    // The original's helper for CIFS knows one level, and neither of them a change.
    only: 'NFS',
    criticalPathMs: commands(1),
    hawser: ({ bench: { hawser }, share }) => hawser.changeAccess(share, 'rule', 'ro'),
  },
  {
    name: `${protocol} share extended`,
    // Taken out of service, grown, and put into service again.
    criticalPathMs: inRow('volume.detach', 'volume.extend', 'volume.attach') + commands(3),
    hawser: ({ bench: { hawser }, share }) => hawser.extendShare(share, 2),
    original: ({ share }) => [{ command: 'extendShare', share: uuid(share), size: 2 }],
  },
  {
    name: `${protocol} share shrunk`,
    criticalPathMs: commands(3),
    hawser: ({ bench: { hawser }, share }) => hawser.shrinkShare(share, 1),
    original: ({ share }) => [{ command: 'shrinkShare', share: uuid(share), size: 1 }],
  },
  {
    name: `${protocol} share extended onto the volume that is there`,
    criticalPathMs: commands(3),
    hawser: ({ bench: { hawser }, share }) => hawser.extendShare(share, 2),
    original: ({ share }) => [{ command: 'extendShare', share: uuid(share), size: 2 }],
  },
  {
    name: `${protocol} snapshot taken`,
    // Frozen and thawed.
    criticalPathMs: inRow('snapshot.create') + commands(2),
    hawser: ({ bench: { hawser }, share }) => hawser.createSnapshot(share, { id: snapshot }),
    original: ({ share }) => [
      {
        command: 'createSnapshot',
        share: uuid(share),
        snapshot: uuid(`${share} ${snapshot}`),
      },
    ],
  },
  {
    name: `${protocol} share created from a snapshot`,
    // Its file system made one of its own, and mounted.
    criticalPathMs: attachedMs + commands(2),
    hawser: async ({ bench: { hawser }, share }) => {
      const fromSnapshot = { shareId: share, snapshotId: snapshot };
      const id = copyOf(share);
      await hawser.createShare({ id, protocol, shareNetwork, fromSnapshot });
      await hawser.waitForShare(id);
    },
    original: ({ share, server }) => [
      {
        command: 'createShare',
        share: uuid(copyOf(share)),
        server,
        protocol,
        size: 2,
        snapshot: uuid(`${share} ${snapshot}`),
      },
    ],
  },
  {
    name: `${protocol} share ensured`,
    criticalPathMs: commands(1),
    hawser: ({ bench: { hawser }, share }) => hawser.ensureShare(share),
    original: ({ share }) => [{ command: 'ensureShare', share: uuid(share) }],
  },
  {
    name: `${protocol} access denied`,
    criticalPathMs: commands(1),
    hawser: ({ bench: { hawser }, share }) => hawser.denyAccess(share, 'rule'),
    original: ({ share }) => [{ command: 'denyAccess', share: uuid(share), to: client }],
  },
  {
    name: `${protocol} snapshot deleted`,
    criticalPathMs: inRow('snapshot.delete'),
    hawser: ({ bench: { hawser }, share }) => hawser.deleteSnapshot(share, snapshot),
    original: ({ share }) => [
      {
        command: 'deleteSnapshot',
        snapshot: uuid(`${share} ${snapshot}`),
      },
    ],
  },
  // The original does these two with servers that were there before only: npm run compare:openstack
  {
    name: `${protocol} share unmanaged`,
    criticalPathMs: commands(1),
    before: async ({ bench: { hawser }, share }) => former.set(share, await hawser.getShare(share)),
    hawser: async ({ bench: { hawser }, share }) => {
      await hawser.unmanageShare(share);
      await hawser.waitUntilUnmanaged(share);
    },
  },
  {
    name: `${protocol} share managed`,
    // Looked at, and moved to where the next boot and the next rule find it.
    criticalPathMs: commands(2),
    hawser: async ({ bench: { hawser }, share: id }) => {
      const { exportLocations, serviceInstance } = former.get(id) ?? {};
      const exportLocation = exportLocations?.[0]?.path ?? '';
      await hawser.manageShare({ id, protocol, exportLocation, serviceInstance, backend });
      await hawser.waitForShare(id);
    },
  },
  {
    name: `${protocol} share deleted`,
    criticalPathMs: deletedMs,
    hawser: remove,
    original: ({ share }) => [{ command: 'deleteShare', share: uuid(share) }],
  },
  {
    name: `${protocol} copy deleted`,
    criticalPathMs: deletedMs,
    hawser: (turn) => remove({ ...turn, share: copyOf(turn.share) }),
    original: ({ share }) => [{ command: 'deleteShare', share: uuid(copyOf(share)) }],
  },
];

/** The first share of a network, with the service instance that is set up for it. */
export const firstShare: Operation = {
  name: 'NFS share created, first on its network',
  criticalPathMs: createdFirstMs,
  hawser: (turn) => create(turn, 'NFS'),
  original: ({ share, server, tenant }) => [
    { command: 'setUpServer', server, ...tenant },
    { command: 'createShare', share: uuid(share), server, protocol: 'NFS', size: 1 },
  ],
};

/** That share, so that the instance has none. */
export const firstShareDeleted: Operation = {
  name: 'NFS share deleted, the only one of its instance',
  criticalPathMs: deletedMs,
  hawser: remove,
  original: ({ share }) => [{ command: 'deleteShare', share: uuid(share) }],
};

/** Its id. */
let theInstance: string;

async function findInstance({ bench: { hawser } }: OwnTurn): Promise<void> {
  const [instance] = await hawser.listInstances();
  if (!instance) throw new Error('there is no service instance');
  theInstance = instance.id;
}

/** Of a backend and its one service instance, while a share is on it; the original has none of them. */
export const housekeeping: Operation[] = [
  {
    name: 'service instance ensured',
    criticalPathMs: commands(1),
    before: findInstance,
    hawser: ({ bench: { hawser } }) => hawser.ensureInstance(theInstance),
  },
  {
    name: 'service instance rebooted, its share ensured',
    criticalPathMs: inRow('server.reboot', 'host.boot') + commands(1),
    hawser: ({ bench: { hawser } }) => hawser.rebootInstance(theInstance, 'SOFT'),
  },
  {
    name: 'all shares ensured',
    criticalPathMs: commands(1),
    hawser: ({ bench: { hawser } }) => hawser.ensureShares({ backend }),
  },
  {
    name: 'statistics of the backend',
    criticalPathMs: commands(1),
    hawser: ({ bench: { hawser } }) => hawser.backendStatistics(backend),
  },
  {
    name: 'sweep of the backend',
    criticalPathMs: commands(1),
    hawser: ({ bench: { hawser } }) => hawser.sweep({ backend }),
  },
];

/** The last of a network. */
export const lastInstance: Operation = {
  name: 'service instance deleted',
  criticalPathMs: inRow('server.delete'),
  before: findInstance,
  hawser: async ({ bench: { hawser } }) => {
    await hawser.deleteInstance(theInstance);
    await hawser.waitUntilInstanceDeleted(theInstance);
  },
  original: ({ server }) => [{ command: 'tearDownServer', server }],
};

/** All operations of a round in their order, and whose they are: the first share's, or one's of each protocol. */
export const roundOf = (protocols: Protocol[]): { share: string; operations: Operation[] }[] => [
  { share: 'first', operations: [firstShare] },
  ...protocols.map((protocol) => ({ share: protocol.toLowerCase(), operations: lifeOf(protocol) })),
  { share: 'first', operations: [...housekeeping, firstShareDeleted, lastInstance] },
];
