import type { AccessLevel, Protocol } from '../../client/index.js';
import { networkOf, type Network, type Operation } from './operations.js';

interface Sizes {
  sizeGib: number;
  /** Of its volume: a shrink leaves that as it is. */
  volumeGib: number;
}

export interface ModelShare extends Sizes {
  protocol: Protocol;
  /** By whom they let in. */
  rules: Map<string, { id: string; level: AccessLevel }>;
  snapshots: Map<string, Sizes>;
}

/** What there must be after the operations of a plan, and what has to be refused: a lane as Hawser promises it. */
export class Model {
  readonly shares = new Map<string, ModelShare>();
  /** The networks that have a service instance. */
  readonly instances: Set<Network>;

  /** With the instances of both networks, or none. */
  constructor(instances: boolean) {
    this.instances = new Set(instances ? [1, 2] : []);
  }

  /** The type of the error with which an operation has to be refused now; undefined when it has to succeed. */
  refusal(operation: Operation): string | undefined {
    switch (operation.does) {
      case 'create':
        return undefined;
      case 'copy':
        return this.#refusalOfCopy(operation);
      case 'ensure instance':
      case 'reboot instance':
        return this.instances.has(operation.of) ? undefined : 'InstanceNotFound';
      case 'delete instance':
        if (!this.instances.has(operation.of)) return 'InstanceNotFound';
        return this.sharesIn(operation.of).length > 0 ? 'InstanceInUse' : undefined;
      default: {
        const share = this.shares.get(operation.share);
        return share ? refusalOf(share, operation) : 'ShareNotFound';
      }
    }
  }

  /** The names of the shares in a network. */
  sharesIn(network: Network): string[] {
    return [...this.shares.keys()].filter((share) => networkOf(share) === network);
  }

  #refusalOfCopy({ origin, snapshot }: Operation & { does: 'copy' }): string | undefined {
    const share = this.shares.get(origin);
    if (!share) return 'ShareNotFound';
    return share.snapshots.has(snapshot) ? undefined : 'SnapshotNotFound';
  }

  /** Of an operation that is not refused. */
  apply(operation: Operation): void {
    switch (operation.does) {
      case 'create': {
        const { share, protocol, sizeGib } = operation;
        this.#add(share, protocol, { sizeGib, volumeGib: sizeGib });
        return;
      }
      case 'copy': {
        const { share, protocol, origin, snapshot } = operation;
        const sizes = this.shares.get(origin)?.snapshots.get(snapshot);
        if (sizes) this.#add(share, protocol, sizes);
        return;
      }
      case 'delete':
        this.shares.delete(operation.share);
        return;
      case 'delete instance':
        this.instances.delete(operation.of);
        return;
      case 'ensure instance':
      case 'reboot instance':
        return;
      default: {
        const share = this.shares.get(operation.share);
        if (share) change(share, operation);
      }
    }
  }

  #add(id: string, protocol: Protocol, { sizeGib, volumeGib }: Sizes): void {
    this.instances.add(networkOf(id));
    const nothing = { rules: new Map(), snapshots: new Map() };
    this.shares.set(id, { protocol, sizeGib, volumeGib, ...nothing });
  }
}

type OnShare = Exclude<Operation, { does: 'create' | 'copy' } | { does: `${string} instance` }>;

function refusalOf(share: ModelShare, operation: OnShare): string | undefined {
  switch (operation.does) {
    case 'allow': {
      if (share.protocol === 'CIFS' && operation.level === 'ro') return 'InvalidInput';
      return share.rules.has(operation.to) ? 'RuleExists' : undefined;
    }
    case 'change':
      if (!share.rules.has(operation.to)) return 'RuleNotFound';
      return share.protocol === 'CIFS' && operation.level === 'ro' ? 'InvalidInput' : undefined;
    case 'deny':
      return share.rules.has(operation.to) ? undefined : 'RuleNotFound';
    case 'extend':
      return operation.sizeGib > share.sizeGib ? undefined : 'InvalidInput';
    case 'shrink':
      return operation.sizeGib < share.sizeGib ? undefined : 'InvalidInput';
    case 'delete snapshot':
      return share.snapshots.has(operation.snapshot) ? undefined : 'UnknownSnapshot';
    case 'hand over':
    case 'delete':
      return share.snapshots.size > 0 ? 'ShareHasSnapshots' : undefined;
    default:
      return undefined;
  }
}

function change(share: ModelShare, operation: OnShare): void {
  const { sizeGib, volumeGib, rules, snapshots } = share;
  switch (operation.does) {
    case 'allow':
      rules.set(operation.to, { id: operation.rule, level: operation.level });
      return;
    case 'change': {
      const rule = rules.get(operation.to);
      if (rule) rule.level = operation.level;
      return;
    }
    case 'deny':
      rules.delete(operation.to);
      return;
    case 'extend':
      share.sizeGib = operation.sizeGib;
      share.volumeGib = Math.max(volumeGib, operation.sizeGib);
      return;
    case 'shrink':
      share.sizeGib = operation.sizeGib;
      return;
    case 'take snapshot':
      if (!snapshots.has(operation.snapshot)) {
        snapshots.set(operation.snapshot, { sizeGib, volumeGib });
      }
      return;
    case 'delete snapshot':
      snapshots.delete(operation.snapshot);
      return;
    default:
  }
}
