import type { Client } from '@temporalio/client';
import type { InstanceHost } from '../../workflows/model.js';
import type { Orphan } from '../../workflows/sweep-model.js';
import type { Backend, Backends } from '../backend.js';
import { permanent } from '../failures.js';
import { findMarked, type OwnedKind } from './find-marked.js';
import type { IsOrphan, Removed } from './marked.js';
import { createJudge, type Judging } from './owners.js';
import { createLeftoversRemoval } from './remove-leftovers.js';
import {
  removeHostPort,
  removeNetwork,
  removePort,
  removeSecurityGroup,
  removeSubnet,
} from './remove-networks.js';
import { removeServer } from './remove-server.js';
import { createStorageRemoval } from './remove-storage.js';

export interface Removal extends Judging {
  backend: string;
  orphan: Pick<Orphan, 'kind' | 'id'>;
  /** The service instance on whose server it is, if that answered: from it a volume may be taken. */
  host: InstanceHost | null;
}

interface Look {
  host: InstanceHost | null;
  isOrphan: IsOrphan;
}

/** Removes one orphan, after another look whether it is one. */
export function createRemoval(backends: Backends, temporal: Client) {
  /** Belongs to nobody, and was not there before Hawser. */
  const orphanTest =
    (judging: Judging): IsOrphan =>
    async (marked) => {
      const found = await createJudge(backends, temporal, judging)(marked);
      return found !== undefined && found.keep === null && !marked.takenOver;
    };
  const removeLeftovers = createLeftoversRemoval(backends);
  const storage = createStorageRemoval(backends);

  const remove: Record<OwnedKind, (backend: Backend, id: string, look: Look) => Promise<void>> = {
    volume: async (backend, id, { host }) => storage.removeVolume(backend, id, host),
    'boot volume': async (backend, id, { host }) => storage.removeVolume(backend, id, host),
    snapshot: storage.removeSnapshot,
    server: async (backend, id, { isOrphan }) => removeServer(backend, id, isOrphan),
    'key pair': async ({ cloud }, id) => cloud.compute.deleteKeypair(id),
    port: removePort,
  };

  return async ({
    backend: name,
    orphan: { kind, id },
    host,
    ...judging
  }: Removal): Promise<Removed> => {
    const backend = backends(name);
    const isOrphan = orphanTest(judging);
    if (kind === 'host port') return removeHostPort(backend, id);
    if (kind === 'subnet') return removeSubnet(backend, id);
    if (kind === 'network') return removeNetwork(backend, id);
    if (kind === 'security group') return removeSecurityGroup(backend, id);
    if (kind === 'leftovers') {
      if (host && id.startsWith(`${host.instanceId}/`)) {
        return removeLeftovers(host, id.slice(host.instanceId.length + 1), isOrphan);
      }
      throw permanent('InstanceUnhealthy', `The service instance of ${id} did not answer`);
    }
    const marked = await findMarked[kind](backend, id);
    if (marked === undefined) return 'removed';
    if (marked === 'unmarked' || !(await isOrphan(marked))) return 'inUse';
    await remove[kind](backend, id, { host, isOrphan });
    return 'removed';
  };
}
