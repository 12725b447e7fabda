export type Protocol = 'NFS' | 'CIFS';

/** One way to have shares on the cloud. Every call returns when a user would call it done. */
export interface Contender {
  name: string;
  /** Answers with the share's id once it is `available`. */
  createShare(name: string, protocol: Protocol): Promise<string>;
  /** Once the rule is `active`. */
  allowAccess(shareId: string, address: string): Promise<void>;
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
