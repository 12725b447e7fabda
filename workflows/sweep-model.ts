/** What `sweep` says: plain JSON, for clients too. */

export type OrphanKind =
  | 'leftovers'
  | 'snapshot'
  | 'server'
  | 'volume'
  | 'boot volume'
  | 'key pair'
  | 'port'
  | 'host port'
  | 'subnet'
  | 'network'
  | 'security group';

/** Something that bears a mark of Hawser's and belongs to no share or service instance that there is. */
export interface Orphan {
  kind: OrphanKind;
  /** In the cloud; a key pair's name; `INSTANCE/SHARE` for what a share left on a service instance. */
  id: string;
  name: string;
  /** What says that it is Hawser's. */
  mark: string;
  /** Whose it was: `share s1`, `service instance generic-…-0`. */
  owner: string;
  /** `share s1 is gone`. */
  why: string;
  /** When it was made. ISO 8601, UTC; null where nobody tells. */
  createdAt: string | null;
  /** Since when it may be one: the later of its making and its owner's end; null when nobody knows. */
  since: string | null;
  sizeGib: number | null;
  /** Nova's server that it is, is attached to or is on; null for none. */
  serverId: string | null;
  /** Younger than the grace time: something may be about to use it. */
  young: boolean;
  /** Why a sweep does not delete it though it may; null when it does. */
  keep: string | null;
}

export interface SweptOrphan extends Orphan {
  /** `found` by a look that removes nothing; `kept` and `young` ones are never removed, `failed` ones could not be. */
  state: 'found' | 'young' | 'kept' | 'removed' | 'failed';
  /** Why it is kept, or what went wrong. */
  detail: string | null;
}

export interface SweepReport {
  backend: string;
  /** ISO 8601, UTC. */
  takenAt: string;
  graceSeconds: number;
  /** Whether it removed what it found. */
  removes: boolean;
  orphans: SweptOrphan[];
  /** What could not be looked at. */
  problems: string[];
}
