import type { ShareView } from '../../client/index.js';
import type { Finding } from '../findings.js';
import type { Picture } from '../picture.js';
import { whoGetsIn } from './samba.js';

/** Of every share in service: exactly those get in whom its active rules name. */
export function compareAccess({ shares, guests }: Picture): Finding[] {
  return shares
    .filter(({ status }) => status === 'available')
    .flatMap((share) => {
      const wanted = rulesOf(share);
      const present = guests
        .flatMap((guest) =>
          share.protocol === 'NFS' ? nfs(guest.nfs, share) : smb(guest.registry, share),
        )
        .toSorted();
      // A rule in error may be in force or not; nobody else gets in.
      const maybe = share.accessRules.filter(({ state }) => state === 'error').map(({ to }) => to);
      const settled = (list: string[]) =>
        list.filter((one) => !maybe.includes(one.split(' ')[0] ?? ''));
      const [a, b] = [settled(wanted).join(', '), settled(present).join(', ')];
      return a === b
        ? []
        : [
            {
              outcome: 'lost' as const,
              text: `access to ${share.id} is (${b}), its rules are (${a})`,
            },
          ];
    });
}

const rulesOf = ({ accessRules }: ShareView): string[] =>
  accessRules
    .filter(({ state }) => state === 'active')
    .map(({ to, level }) => `${to} ${level}`)
    .toSorted();

/** `CLIENT rw|ro` each. */
function nfs(lines: string[], { exportLocations }: ShareView): string[] {
  const path = exportLocations[0]?.path.split(':').at(-1);
  return lines
    .filter((line) => line.startsWith(`${path} `))
    .map((line) => line.slice(`${path} `.length));
}

/** Addresses or users, each with `rw` or `ro`. */
const smb = (registry: string, { exportLocations }: ShareView): string[] =>
  whoGetsIn(registry, exportLocations[0]?.path.split('\\').at(-1) ?? '');
