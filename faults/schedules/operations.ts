import type { AccessLevel, Protocol } from '../../client/index.js';

/** What may be asked for; shares and snapshots by the short names that a plan gives them. */
export type Operation =
  | { does: 'create'; share: string; protocol: Protocol; sizeGib: number }
  | { does: 'copy'; share: string; protocol: Protocol; origin: string; snapshot: string }
  | { does: 'write'; share: string }
  | { does: 'allow'; share: string; rule: string; to: string; level: AccessLevel }
  | { does: 'change'; share: string; to: string; level: AccessLevel }
  | { does: 'deny'; share: string; to: string }
  | { does: 'extend'; share: string; sizeGib: number }
  | { does: 'shrink'; share: string; sizeGib: number }
  | { does: 'take snapshot'; share: string; snapshot: string }
  | { does: 'delete snapshot'; share: string; snapshot: string }
  | { does: 'ensure'; share: string }
  | { does: 'hand over'; share: string }
  | { does: 'delete'; share: string }
  | { does: `${'ensure' | 'reboot' | 'delete'} instance`; of: Network };

/** One of the two that the lane's tenant has. */
export type Network = 1 | 2;

/** In which network a share is: every other one of a plan's. */
export const networkOf = (share: string): Network => (share.charCodeAt(0) % 2 === 1 ? 1 : 2);

export type Doing = Operation['does'];

/** For people. */
export function wordsOfOperation(operation: Operation): string {
  switch (operation.does) {
    case 'create':
      return `create ${operation.protocol} share ${operation.share} of ${operation.sizeGib} GiB`;
    case 'copy':
      return `create ${operation.protocol} share ${operation.share} from snapshot ${operation.snapshot} of share ${operation.origin}`;
    case 'write':
      return `write into share ${operation.share}`;
    case 'allow':
      return `let ${operation.to} (${operation.level}) in to share ${operation.share}`;
    case 'change':
      return `change ${operation.to} to ${operation.level} on share ${operation.share}`;
    case 'deny':
      return `deny share ${operation.share} to ${operation.to}`;
    case 'extend':
    case 'shrink':
      return `${operation.does} share ${operation.share} to ${operation.sizeGib} GiB`;
    case 'take snapshot':
    case 'delete snapshot':
      return `${operation.does} ${operation.snapshot} of share ${operation.share}`;
    case 'hand over':
      return `unmanage share ${operation.share} and manage it again`;
    case 'ensure':
    case 'delete':
      return `${operation.does} share ${operation.share}`;
    default:
      return operation.does.replace('instance', `the instance of network ${operation.of}`);
  }
}
