import type { Client } from '@temporalio/client';
import {
  equals,
  serviceInstanceWorkflowId,
  type InstanceHost,
  type ServiceInstanceView,
} from '../workflows/model.js';
import type { Orphan } from '../workflows/sweep-model.js';
import type { Backend, Backends } from './backend.js';
import { createLeftovers, markedLeftovers, whyKept } from './sweep/leftovers.js';
import type { Marked } from './sweep/marked.js';
import {
  listSharedNetworks,
  markedPort,
  unusedOf,
  type SharedThing,
} from './sweep/marked-networks.js';
import { markedKeypair, markedServers } from './sweep/marked-servers.js';
import { markedStorage } from './sweep/marked-storage.js';
import { createJudge, ownerInWords, type Judging, type Ownerless } from './sweep/owners.js';
import { createRemoval } from './sweep/removal.js';

export type SweepActivities = ReturnType<typeof createSweepActivities>;

export interface FoundOrphans {
  graceSeconds: number;
  orphans: Orphan[];
}

/** Asks at most so many workflows at the same time. */
const ASKED_AT_ONCE = 20;

/** What bears our mark and belongs to no share or service instance that there is, in the cloud and on instances. */
export function createSweepActivities(backends: Backends, temporal: Client) {
  const listLeftovers = createLeftovers(backends);

  /** By a living instance of its share network or its backend, which may have a port a moment later. */
  const isWanted = async (backend: string, { shareNetworkId }: SharedThing): Promise<boolean> => {
    const clause =
      shareNetworkId === null
        ? equals('HawserBackend', backend)
        : equals('HawserShareNetwork', shareNetworkId);
    const query = `WorkflowType = 'serviceInstance' AND ExecutionStatus = 'Running' AND ${clause}`;
    return (await temporal.workflow.count(query)).count > 0;
  };

  /** The shares that it serves still, and Hawser knows nothing of. */
  const unmanagedOn = async ({ instanceId }: InstanceHost): Promise<string[]> => {
    const handle = temporal.workflow.getHandle(serviceInstanceWorkflowId(instanceId));
    const { memo } = await handle.describe();
    return (memo?.['view'] as ServiceInstanceView | undefined)?.unmanagedShares ?? [];
  };

  return {
    /**
     * The orphans of a backend in the cloud; an owner's own workflow was asked before anything is called one. Changes
     * nothing.
     */
    async findOrphans({
      backend: name,
      graceSeconds,
      ...judging
    }: Judging & {
      backend: string;
      /** How old an orphan has to be; null for the backend's `sweep_grace_period`. */
      graceSeconds: number | null;
    }): Promise<FoundOrphans> {
      const backend = backends(name);
      const grace = graceSeconds ?? backend.options.sweep_grace_period;
      const shared = await listSharedNetworks(backend);
      const ports = shared.ports.map((port) => markedPort(backend, port));
      const marked = [
        ...(await markedServers(backend)),
        ...(await markedStorage(backend)),
        ...ports.filter((port) => port !== undefined),
      ];
      const judge = createJudge(backends, temporal, judging);
      const owned = await someAtOnce(marked, async (one) => {
        const found = await judge(one);
        return found && orphanOf(await withAge(backend, one), found, grace);
      });
      const leaving = new Set(
        owned.filter(({ kind, young }) => kind === 'port' && !young).map(({ id }) => id),
      );
      const unused = await someAtOnce(unusedOf(name, shared, leaving), async (one) => {
        if (await isWanted(name, one)) return undefined;
        const { shareNetworkId: _network, ...thing } = one;
        return {
          ...thing,
          sizeGib: null,
          serverId: null,
          keep: null,
          ...ageOf(thing.createdAt, null, grace),
        };
      });
      return { graceSeconds: grace, orphans: [...owned, ...unused] };
    },

    /** What shares that are gone left on a service instance. Changes nothing. */
    async findLeftovers({
      host,
      graceSeconds,
      ...judging
    }: Judging & {
      host: InstanceHost;
      graceSeconds: number;
    }): Promise<Orphan[]> {
      const backend = backends(host.backend);
      const judge = createJudge(backends, temporal, judging);
      const unmanaged = await unmanagedOn(host);
      const onHost = await listLeftovers(host);
      return someAtOnce(
        onHost.filter(({ shareId }) => !unmanaged.includes(shareId)),
        async (one) => {
          const marked = markedLeftovers(host, one);
          const found = await judge(marked);
          if (!found) return undefined;
          const keep = (await whyKept(backend, one)) ?? found.keep;
          return orphanOf(marked, { ...found, keep }, graceSeconds);
        },
      );
    },

    /**
     * Removes an orphan and waits until it is gone, unless it is none any more: its owner is asked once more. Safe to
     * repeat.
     */
    removeOrphan: createRemoval(backends, temporal),
  };
}

function orphanOf(
  { owner, takenOver, ...marked }: Marked,
  { why, endedAt, keep }: Ownerless,
  graceSeconds: number,
): Orphan {
  return {
    ...marked,
    owner: ownerInWords(owner),
    why,
    keep: takenOver ? 'it was there before Hawser took it over' : keep,
    ...ageOf(marked.createdAt, endedAt?.toISOString() ?? null, graceSeconds),
  };
}

/** Times are ISO 8601 in UTC: the later is the greater. */
function ageOf(
  createdAt: string | null,
  endedAt: string | null,
  graceSeconds: number,
): Pick<Orphan, 'since' | 'young'> {
  const since =
    [createdAt, endedAt]
      .filter((one) => one !== null)
      .sort()
      .at(-1) ?? null;
  const young = since !== null && Date.now() - Date.parse(since) < graceSeconds * 1000;
  return { since, young };
}

/** Nova's list of key pairs does not say when they were made. */
async function withAge(backend: Backend, marked: Marked): Promise<Marked> {
  if (marked.kind !== 'key pair') return marked;
  const keypair = await backend.cloud.compute.findKeypair(marked.id);
  return (keypair && markedKeypair(backend, keypair)) ?? marked;
}

/** Works on all items, some at the same time, and leaves out what came to nothing. */
async function someAtOnce<Item, Result>(
  items: Item[],
  work: (item: Item) => Promise<Result | undefined>,
): Promise<Result[]> {
  const results: (Result | undefined)[] = [];
  for (let at = 0; at < items.length; at += ASKED_AT_ONCE) {
    results.push(...(await Promise.all(items.slice(at, at + ASKED_AT_ONCE).map(work))));
  }
  return results.filter((one) => one !== undefined);
}
