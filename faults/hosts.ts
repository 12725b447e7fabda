import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { EmbeddedEnvironment } from '../dev/environment.js';
import type { HostsKind } from '../devcloud/hosts/hosts.js';
import type { CloudControl } from './control.js';
import type { Guests } from './guests.js';
import { qemuGuests } from './guests/qemu.js';
import { simulatedGuests } from './guests/simulated.js';
import type { Kind } from './kinds.js';
import type { Layout } from './lanes.js';

/** What is different with service instances of one kind. */
export interface HostsOfBench {
  /** How many cells run at a time, unless somebody knows better. */
  lanes: number;
  /** How much longer everything may take. */
  patience: number;
  /** For the embedded cloud. */
  arguments(stateDir: string): string[];
  /** Whether calls can go wrong in this way. */
  can(kind: Kind): boolean;
  /** Whether there can be lanes of this layout. */
  has(layout: Layout): boolean;
  openGuests(environment: EmbeddedEnvironment, control: CloudControl): Guests;
}

const cloudDirOf = ({ stateDir }: EmbeddedEnvironment) => join(stateDir, 'cloud');
const keyIn = (stateDir: string) => join(stateDir, 'ssh', 'id_ed25519');

export const hostsOfBench: Record<HostsKind, HostsOfBench> = {
  simulated: {
    lanes: 10,
    patience: 1,
    arguments: () => [],
    can: () => true,
    has: () => true,
    openGuests: (environment, control) => simulatedGuests(cloudDirOf(environment), control),
  },
  qemu: {
    // Without KVM each machine takes a core for itself.
    lanes: 2,
    patience: 5,
    arguments: (stateDir) => ['--ssh-key', keyIn(stateDir)],
    // A machine proves the key that it has.
    can: ({ name }) => name !== 'ssh-another-host-key',
    // What there is to boot a volume from is no image.
    has: (layout) => layout !== 'volume',
    openGuests: (environment) =>
      qemuGuests({
        cloudUrl: environment.cloudUrl,
        cloudDir: cloudDirOf(environment),
        privateKey: readFileSync(keyIn(environment.stateDir), 'utf8'),
        limitMs: 120_000,
      }),
  },
};
