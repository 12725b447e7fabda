import type { Logger } from 'pino';
import type { Faults } from './faults.js';
import type { Hosts } from './hosts/hosts.js';
import type { Jobs } from './jobs.js';
import type { Latencies } from './latencies.js';
import type { Plane } from './neutron/plane.js';
import type { Quotas } from './quotas.js';
import type { Store } from './state.js';
import type { Tables } from './tables.js';

/** What every service of the embedded cloud works with. */
export interface Cloud {
  /** `http://127.0.0.1:PORT`, known once it listens. */
  url: string;
  stateDir: string;
  log: Logger;
  hosts: Hosts;
  store: Store;
  tables: Tables;
  jobs: Jobs;
  latencies: Latencies;
  quotas: Quotas;
  faults: Faults;
  plane: Plane;
}
