export type Protocol = 'NFS' | 'CIFS';

export interface Source {
  shareId: string;
  snapshotId: string;
  sizeGib: number;
}

/** An NFS export that was made by hand. */
export interface ExistingExport {
  location: string;
  volumeId: string;
}

/** One way to have shares on the cloud. Every call returns when a user would call it done. */
export interface Contender {
  name: string;
  /** Whom a server that was there before must let in. */
  publicKey: string;
  /** Answers with the share's id once it is `available`. */
  createShare(name: string, protocol: Protocol): Promise<string>;
  /** Once the rule is `active`. */
  allowAccess(shareId: string, address: string): Promise<void>;
  /** To a larger or a smaller size, once the share is `available` again. */
  resizeShare(shareId: string, sizeGib: number): Promise<void>;
  /** Answers with the snapshot's id once it is `available`. */
  createSnapshot(shareId: string, name: string): Promise<string>;
  /** A share of this size with the snapshot's data, once it is `available`. */
  createFromSnapshot(name: string, source: Source): Promise<string>;
  /** Once the snapshot is gone. */
  deleteSnapshot(shareId: string, snapshotId: string): Promise<void>;
  /** Once the server that was there before is in use. */
  untilManageable(): Promise<void>;
  /** Answers with the share's id once the export is an `available` share. */
  manage(name: string, existing: ExistingExport): Promise<string>;
  /** Once the share is forgotten. */
  unmanage(shareId: string): Promise<void>;
  /** Once the share is gone. */
  deleteShare(shareId: string): Promise<void>;
  /** Deletes what the shares ran on, so that the next one is the first again. */
  removeServers(): Promise<void>;
  close(): Promise<void>;
}

/** Both are asked as often, so that neither is charged for a longer nap. */
export const pollMs = 100;

/** The tenant's network that both serve: made by the cloud's `up`. */
export const tenantNetwork = { network: 'demo-net', subnet: 'demo-subnet' };
