import type { ShareView } from '../../client/index.js';
import type { Finding } from '../findings.js';
import type { Picture } from '../picture.js';

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

const rulesOf = ({ accessRules, protocol, accessBy }: ShareView): string[] =>
  accessRules
    .filter(({ state }) => state === 'active')
    .map(({ to, level }) => (protocol === 'CIFS' && accessBy === 'ip' ? to : `${to} ${level}`))
    .toSorted();

/** `CLIENT rw|ro` each. */
function nfs(lines: string[], { exportLocations }: ShareView): string[] {
  const path = exportLocations[0]?.path.split(':').at(-1);
  return lines
    .filter((line) => line.startsWith(`${path} `))
    .map((line) => line.slice(`${path} `.length));
}

/** Addresses, or `USER rw|ro`. */
function smb(registry: string, { exportLocations, accessBy }: ShareView): string[] {
  const name = exportLocations[0]?.path.split('\\').at(-1) ?? '';
  const section = registry.split(/^\[/m).find((text) => text.startsWith(`${name}]`)) ?? '';
  const value = (key: string) =>
    (new RegExp(`^\\s*${key} = (.*)$`, 'm').exec(section)?.[1] ?? '').split(' ').filter(Boolean);
  if (accessBy === 'ip') return value('hosts allow').filter((to) => to !== '127.0.0.1');
  return [
    ...value('read list').map((user) => `${user} ro`),
    ...value('write list').map((user) => `${user} rw`),
  ];
}
