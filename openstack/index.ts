import { type BlockStorage, createBlockStorage } from './block-storage.js';
import type { CloudConfig } from './cloud-config.js';
import { type Compute, createCompute } from './compute.js';
import { type Images, createImages } from './image.js';
import { type Networks, createNetworks } from './network.js';
import { type Requester, Session, withSignal } from './session.js';

interface Clients {
  compute: Compute;
  blockStorage: BlockStorage;
  network: Networks;
  image: Images;
}

/** A project's view of an OpenStack cloud. */
export interface Cloud extends Clients {
  session: Session;
  /** The same clients, whose calls end when the signal aborts. */
  withSignal(signal: AbortSignal): Clients;
}

/** Speaks to nobody yet: the first call logs in. `session.close()` ends its connections. */
export function connectCloud(config: CloudConfig): Cloud {
  const session = new Session(config);
  return {
    session,
    ...createClients(session),
    withSignal: (signal) => createClients(withSignal(session, signal)),
  };
}

const createClients = (requester: Requester): Clients => ({
  compute: createCompute(requester),
  blockStorage: createBlockStorage(requester),
  network: createNetworks(requester),
  image: createImages(requester),
});
