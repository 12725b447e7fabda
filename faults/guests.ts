import type { Holdings } from './control.js';

/** What a service instance looks like from the inside. */
export interface Guest {
  serverId: string;
  /** Sorted lines of its configuration and of what its kernel knows, each with the file it is of. */
  lines: string[];
  mounts: Mount[];
  /** `PATH CLIENT rw|ro` of all that is exported by NFS. */
  nfs: string[];
  /** Samba's registry. */
  registry: string;
}

export interface Mount {
  /** Has the first 20 characters of its volume's id in it. */
  volume: string;
  /** On the guest. */
  target: string;
  /** Of its file system, in whole GiB. */
  sizeGib: number;
  files: Files & { write(name: string, content: string): Promise<void> };
}

/** The files at the top of a file system. */
export interface Files {
  read(name: string): Promise<string | undefined>;
  names(): Promise<string[]>;
}

/** The service instances of a bench, past Hawser. */
export interface Guests {
  /** Undefined when there is no such machine, or it is not on. */
  look(serverId: string, holdings: Holdings): Promise<Guest | undefined>;
  /** Of a file system that is mounted nowhere. */
  filesOn(volumeId: string): Files;
  /** Nothing is exported by NFS any more, as if somebody had been there. */
  closeExports(serverId: string, holdings: Holdings): Promise<void>;
  /** The machine has no troubles any more. */
  heal(serverId: string): Promise<void>;
  close(): void;
}

/** The lines of a text that say something. */
export const linesOf = (file: string, text: string): string[] =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => `${file}: ${line}`);

/**
 * Some locks stay where they were once taken: who waits for one that is removed, and who takes a new one of its name, would
 * both have it. Notes on a freeze of a share stay as long as the share is in fstab. What else lies there is a task somebody
 * did not end.
 */
export function isKeptLock(name: string, fstab: string): boolean {
  if (/^hawser-(exports|fstab|resize-.*)$/.test(name)) return true;
  const share = /^hawser-freeze-(.*?)(\.lock)?$/.exec(name)?.[1];
  if (share === undefined) return false;
  const marks = [...fstab.matchAll(/x-hawser\.share=([^,\s]+)/g)].map(([, id]) => id);
  return marks.includes(share);
}

/** What the table of exports says, as `Guest.nfs` has it. */
export const exportedIn = (etab: string): string[] =>
  etab
    .split('\n')
    .filter(Boolean)
    .map((line) => {
      const [path, client = ''] = line.split('\t');
      return `${path} ${client.split('(')[0]} ${/[(,]rw[,)]/.test(client) ? 'rw' : 'ro'}`;
    });
