import type {
  AccessRule,
  AccessType,
  InstanceHost,
  Protocol,
  ShareLocation,
} from '../workflows/model.js';
import type { Backend, Backends } from './backend.js';
import { firstDifference, wantedOf } from './cifs-exports.js';
import { permanent } from './failures.js';
import { hostScript } from './host-script.js';
import { exportClients } from './nfs-exports.js';
import { deviceSerial, newLocation, shareName } from './share-paths.js';

export type InspectionActivities = ReturnType<typeof createInspectionActivities>;

/** What of a share is not as it should be on its service instance, in the order of its repair. */
export type Drift = 'service' | 'device' | 'mount' | 'fstab' | 'exports';

export interface Inspection {
  /** Empty when the share is in service. */
  drift: Drift[];
  /** Whether something is mounted where the share's file system belongs, be it the wrong thing. */
  mounted: boolean;
}

interface Inspected {
  host: InstanceHost;
  shareId: string;
  protocol: Protocol;
  location: ShareLocation | null;
  /** Null for a file system on no volume of Cinder's. */
  volumeId: string | null;
  /** The whole list, as it should be. */
  rules: Pick<AccessRule, 'to' | 'level'>[];
  /** Without it, addresses. */
  accessBy?: AccessType | undefined;
}

/** How shares stand on their service instance, and the servers that they need there. */
export function createInspectionActivities(backends: Backends) {
  const inspect = hostScript(backends, 'inspect-share', 60_000, 'fstab-line', 'top-mount');
  const start = hostScript(backends, 'start-file-service', 60_000);

  return {
    /** Looks, in one round trip, at all that clients need to use the share. Changes nothing. */
    async inspectShare(share: Inspected): Promise<Inspection> {
      const { host, shareId, protocol, location, volumeId } = share;
      const { options } = backends(host.backend);
      const { path, exportName, fileSystem } = location ?? newLocation(options, shareId);
      const serial = volumeId === null ? '-' : deviceSerial(volumeId);
      const name = protocol === 'NFS' ? shareName(shareId) : exportName;
      const facts = factsIn(await inspect(host, shareId, serial, path, fileSystem, protocol, name));
      if (facts.has('device') && !facts.has('file-system')) {
        throw permanent(
          'VolumeFailed',
          `${volumeId === null ? `What is mounted at ${path}` : `Volume ${volumeId}`} of share ${shareId} holds no file system any more; nothing was touched. Look what is on it, or delete the share`,
        );
      }
      const exported =
        protocol === 'NFS' ? nfsAsWanted(facts, share, options) : cifsAsWanted(facts, share, path);
      const asItShouldBe: Record<Drift, boolean> = {
        service: facts.has('service'),
        device: facts.has('device'),
        mount: facts.has('mounted-well'),
        // Without its device nobody can say which line it should have.
        fstab: !facts.has('device') || facts.has('fstab'),
        exports: exported,
      };
      return {
        drift: (Object.keys(asItShouldBe) as Drift[]).filter((part) => !asItShouldBe[part]),
        mounted: facts.has('mounted'),
      };
    },

    /** Starts the NFS or the Samba server of an instance. Safe to repeat. */
    async startFileService({ host, protocol }: { host: InstanceHost; protocol: Protocol }) {
      await start(host, protocol);
    },
  };
}

/** Each fact's first word, with what follows it, once for each time that it was said. */
type Facts = Map<string, string[]>;

function factsIn(output: string): Facts {
  const facts: Facts = new Map();
  for (const line of output.split('\n').filter(Boolean)) {
    const [word = '', ...rest] = line.split(' ');
    facts.set(word, [...(facts.get(word) ?? []), rest.join(' ')]);
  }
  return facts;
}

/** What the kernel exports now, and what the file has the next boot export. */
function nfsAsWanted(facts: Facts, { rules }: Inspected, options: Backend['options']): boolean {
  const wanted = sorted(exportClients(rules, options).map((client) => client.join(' ')));
  return ['kernel', 'file'].every((where) => sorted(facts.get(where) ?? []) === wanted);
}

function cifsAsWanted(facts: Facts, { rules, accessBy }: Inspected, path: string): boolean {
  const section = facts.get('samba') ?? [];
  return (
    section.some((setting) => /^path\s*=\s*(.*)$/.exec(setting)?.[1] === path) &&
    firstDifference(wantedOf(rules, accessBy), section.join('\n')) === undefined
  );
}

const sorted = (words: string[]): string => words.toSorted().join('\n');
