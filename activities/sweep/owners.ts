import type { Client } from '@temporalio/client';
import {
  isTransient,
  serviceInstanceWorkflowId,
  shareWorkflowId,
  type ServiceInstanceView,
  type ShareView,
} from '../../workflows/model.js';
import type { Backends } from '../backend.js';
import { commonServers } from './common-servers.js';
import { lifeOf, type Life } from './life.js';
import type { Marked, Owner } from './marked.js';

/** How something turned out that belongs to no share or instance that there is. */
export interface Ownerless {
  why: string;
  /** When its owner ended; null when nobody knows, or it lives and uses another. */
  endedAt: Date | null;
  /** Why nobody can have wanted its data to go; null when somebody did. */
  keep: string | null;
}

export interface Judging {
  /** Whether the data of a share may go of which Temporal knows nothing. */
  evenIfUnknown: boolean;
}

export type Judge = (
  marked: Pick<Marked, 'kind' | 'id' | 'owner' | 'serverId'>,
) => Promise<Ownerless | undefined>;

/**
 * Asks the owners' own workflows whether something is theirs, each once; lists lag behind. Undefined when it is, and
 * whenever that is not sure.
 */
export function createJudge(
  backends: Backends,
  temporal: Client,
  { evenIfUnknown }: Judging,
): Judge {
  const lives = new Map<string, Promise<Life>>();
  let servers: Promise<Set<string>> | undefined;
  return async (marked) => {
    const { owner } = marked;
    const workflowId =
      owner.type === 'share' ? shareWorkflowId(owner.id) : serviceInstanceWorkflowId(owner.id);
    const asked = lives.get(workflowId) ?? lifeOf(temporal, workflowId);
    lives.set(workflowId, asked);
    const life = await asked;
    if (!life.running) {
      // A server that Hawser made once may be the one that a backend was given for all its shares.
      const { serverId } = marked;
      if (owner.type === 'instance' && serverId !== null) {
        servers ??= commonServers(backends, temporal);
        if ((await servers).has(serverId)) return undefined;
      }
      return orphaned(owner, life, evenIfUnknown);
    }
    const other =
      owner.type === 'share'
        ? otherOfShare(marked, owner, life.view as ShareView | undefined)
        : otherOfInstance(marked, owner, life.view as ServiceInstanceView | undefined);
    return other === undefined ? undefined : { why: other, endedAt: null, keep: null };
  };
}

export const ownerInWords = (owner: Owner): string =>
  owner.type === 'instance'
    ? `service instance ${owner.id}`
    : owner.snapshotId === undefined
      ? `share ${owner.id}`
      : `snapshot ${owner.snapshotId} of share ${owner.id}`;

function orphaned(
  owner: Owner,
  { endedAt, status, view }: Life & { running: false },
  evenIfUnknown: boolean,
): Ownerless | undefined {
  const whole = owner.type === 'share' ? `share ${owner.id}` : ownerInWords(owner);
  const last = (view as ShareView | undefined)?.status;
  // It is in service still, for those to whom it was given.
  if (last === 'unmanaged') return undefined;
  if (status === null) {
    // Temporal forgets with its retention who was given up or ended otherwise than by a deletion.
    const keep =
      owner.type === 'share' && !evenIfUnknown
        ? 'nobody knows any more whether its data may go: --even-if-unknown says that they may'
        : null;
    return { why: `Temporal does not know ${whole}`, endedAt, keep };
  }
  const why = `${whole} is gone`;
  if (owner.type !== 'share') return { why, endedAt, keep: null };
  // Somebody gave up the trying.
  if (last === 'manage_error' || last === 'unmanage_error') {
    return { why, endedAt, keep: `${whole} was given up in ${last}: its data are somebody's` };
  }
  const keep =
    status === 'COMPLETED'
      ? null
      : `the workflow of ${whole} ended as ${status}: nobody asked for its data to go`;
  return { why, endedAt, keep };
}

/** Another one than this that a share which lives and rests uses. */
function otherOfShare(
  { kind, id }: Pick<Marked, 'kind' | 'id'>,
  owner: Owner & { type: 'share' },
  view: ShareView | undefined,
): string | undefined {
  if (!view || view.operation || isTransient(view.status)) return undefined;
  if (kind === 'volume' && view.volumeId !== null && view.volumeId !== id) {
    return `share ${owner.id} uses volume ${view.volumeId}`;
  }
  if (kind !== 'snapshot') return undefined;
  const known = view.snapshots.find((one) => one.id === owner.snapshotId);
  if (!known) return `share ${owner.id} has no snapshot ${owner.snapshotId}`;
  const another =
    known.status === 'available' &&
    known.volumeSnapshotId !== null &&
    known.volumeSnapshotId !== id;
  return another
    ? `snapshot ${known.id} of share ${owner.id} is Cinder's ${known.volumeSnapshotId}`
    : undefined;
}

/** The same for a service instance. */
function otherOfInstance(
  { kind, id, serverId }: Pick<Marked, 'kind' | 'id' | 'serverId'>,
  owner: Owner,
  view: ServiceInstanceView | undefined,
): string | undefined {
  if (view?.status !== 'active' || view.operation || view.serverId === null) return undefined;
  const twin =
    (kind === 'server' && view.serverId !== id) ||
    ((kind === 'port' || kind === 'boot volume') && serverId === null);
  return twin ? `${ownerInWords(owner)} is server ${view.serverId}, without it` : undefined;
}
