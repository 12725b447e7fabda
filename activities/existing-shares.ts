import type { InstanceHost } from '../workflows/model.js';
import { CommandFailed } from '../ssh/errors.js';
import type { Backends } from './backend.js';
import { passing, permanent } from './failures.js';
import { hostScript, numbersIn } from './host-script.js';
import { powerOf } from './server-off.js';
import { exportClients, type Access } from './nfs-exports.js';
import type { ExistingVolume } from './existing-volumes.js';
import { deviceSerial, shareName } from './share-paths.js';

export type ExistingShareActivities = ReturnType<typeof createExistingShareActivities>;

/** A file system on a service instance that somebody else mounted and exported, as it was found. */
export interface ExistingShare {
  path: string;
  /** `/dev/vdb` */
  device: string;
  /** Of the file system: `ext4`, `xfs`… */
  type: string;
  uuid: string;
  /** Of ext3 and ext4 as large as they were made; of others what df says, which may be less. */
  sizeBytes: number;
  /** By which its device is known below /dev/disk/by-id/virtio-…; null when it is not. */
  serial: string | null;
  /** What the NFS server exports of it: `CLIENT(options)` each. */
  exports: string[];
  /** Whether its backend makes root on a client nobody; without it, not. */
  rootSquash?: boolean;
  /** Its section in Samba's registry, null where it has none. */
  section: string | null;
  /** Its lines in fstab. */
  fstab: string[];
  /** How else its files are reached, by either protocol: `by CIFS as old (/srv/old)`. */
  elsewhere: string[];
  /** Where its exports are written down. */
  entries: { file: string; text: string }[];
}

interface TakeOver {
  host: InstanceHost;
  shareId: string;
  existing: ExistingShare;
}

/** Twice over it fits in what Temporal takes for one result. */
const MAX_ANSWER_LENGTH = 512 * 1024;

/** File systems that were mounted and exported before Hawser, on their service instance. */
export function createExistingShareActivities(backends: Backends) {
  const inspect = hostScript(backends, 'inspect-existing-share', 60_000, 'superblock', 'top-mount');
  const takeOver = hostScript(
    backends,
    'take-over-share',
    60_000,
    'exports',
    'fstab-line',
    'replace',
  );
  const giveBack = hostScript(backends, 'give-back-share', 60_000, 'exports', 'replace');
  const release = hostScript(backends, 'release-share', 60_000, 'replace');

  return {
    /** What is mounted there, and how it is exported; `where` is a path, or a name in Samba. Changes nothing. */
    async inspectExistingShare({
      host,
      protocol,
      where,
    }: {
      host: InstanceHost;
      protocol: 'NFS' | 'CIFS';
      where: string;
    }): Promise<ExistingShare> {
      const answer = await inspect(host, protocol, where);
      if (answer.length > MAX_ANSWER_LENGTH) {
        throw permanent(
          'ManageInvalidShare',
          `${host.address} has more to say of ${where} than fits in a share's history: shorten its entries in exports and fstab`,
        );
      }
      const facts = factsIn(answer);
      const path = facts('path')[0];
      if (path === undefined) {
        throw permanent(
          'ManageInvalidShare',
          `Samba on ${host.address} has no share ${where} in its registry; shares in smb.conf can be moved there with: net conf import`,
        );
      }
      const [device] = facts('source');
      if (device === undefined) {
        throw permanent(
          'ManageInvalidShare',
          `Nothing is mounted on ${path} of ${host.address}: a share is a whole file system, mounted where it is exported`,
        );
      }
      const [sizeBytes = 0] = numbersIn(facts('size')[0] ?? '', 1, 'inspect-existing-share', host);
      const decode = (base64: string) => textIn(base64, path, host);
      return {
        path,
        device,
        type: facts('fstype')[0] ?? '',
        uuid: facts('uuid')[0] ?? '',
        sizeBytes,
        serial: facts('serial')[0] ?? null,
        exports: facts('export'),
        rootSquash: backends(host.backend).options.nfs_root_squash,
        section: facts('section').map((text) => whole(decode(text), where, host))[0] ?? null,
        fstab: facts('fstab').map(decode),
        elsewhere: facts('elsewhere'),
        entries: facts.named('entry ').map(([file, text]) => ({ file, text: decode(text) })),
      };
    },

    /**
     * Makes the file system the share's: our line in fstab, our file of exports to these clients instead of its
     * entries elsewhere, all at once for clients. Safe to repeat. `ManageInvalidShare` if it is another share's.
     */
    async takeOverShare({
      host,
      shareId,
      existing,
      volume,
      rules,
    }: TakeOver & { volume?: Pick<ExistingVolume, 'volumeId'> | null; rules: Access[] }) {
      const { options } = backends(host.backend);
      const clients = exportClients(rules, options).map((client) => client.join(' '));
      const { path, uuid, type, section, entries } = existing;
      const exported = section === null ? clients.join('\n') : '';
      await refusedAsInvalid(
        takeOver(
          host,
          shareId,
          shareName(shareId),
          path,
          volume ? deviceSerial(volume.volumeId) : '-',
          uuid,
          type,
          exported,
          ...flat(entries),
        ),
      );
    },

    /**
     * Puts everything there as it was found, where it is this share's; what was never taken over, or is another
     * share's by now, is left alone. Safe to repeat.
     */
    async giveBackShare({ host, shareId, existing }: TakeOver): Promise<void> {
      const { path, fstab, exports, section, entries } = existing;
      const sambaName = section === null ? '' : sectionName(section);
      const name = shareName(shareId);
      await giveBack(
        host,
        shareId,
        name,
        path,
        fstab.join('\n'),
        exports.join('\n'),
        sambaName,
        section ?? '',
        ...flat(entries),
      );
    },

    /**
     * Takes our mark off the share, which stays mounted and exported. On a server that is gone there is nothing to
     * take off; one that is off has to be on for it: `InstanceUnhealthy`, worth another try. Safe to repeat.
     */
    async releaseShare({ host, shareId }: Omit<TakeOver, 'existing'>): Promise<void> {
      const power = await powerOf(backends, host);
      if (power === 'gone') return;
      if (power === 'off') {
        throw passing(
          'InstanceUnhealthy',
          `Server ${host.serverId} of service instance ${host.instanceId} is off, and its fstab still calls the share ${shareId}: start the server`,
        );
      }
      await release(host, shareId);
    },
  };
}

const flat = (entries: ExistingShare['entries']): string[] =>
  entries.flatMap(({ file, text }) => [file, text]);

/** The exact name that a section begins with: `[Projects]`. */
const sectionName = (section: string): string => /^\[(.+)\]/.exec(section)?.[1] ?? '';

/** Refuses what could not be put back as it was. */
function textIn(base64: string, path: string, { address }: InstanceHost): string {
  try {
    const bytes = Buffer.from(base64, 'base64');
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
      .decode(bytes)
      .replace(/\n$/, '');
  } catch {
    throw permanent(
      'ManageInvalidShare',
      `What ${address} has of ${path} in its exports, fstab or registry is not all UTF-8, and could not be put back as it was: write it in UTF-8 first`,
    );
  }
}

/** Refuses a section that would be another one when it is read from a file, where such a line goes on in the next. */
function whole(section: string, name: string, { address }: InstanceHost): string {
  const line = section.split('\n').find((one) => one.trimEnd().endsWith('\\'));
  if (line === undefined) return section;
  const parameter = line.slice(0, Math.max(line.indexOf('='), 0)).trim();
  throw permanent(
    'ManageInvalidShare',
    `Share ${name} of Samba on ${address} could not be put back as it was, since its ${parameter || 'section'} ends in a backslash: change that first`,
  );
}

/** Lines `FACT<TAB>VALUE` by fact. */
function factsIn(text: string) {
  const all = text
    .split('\n')
    .filter(Boolean)
    .map((line) => {
      const at = line.indexOf('\t');
      return [line.slice(0, at), line.slice(at + 1)] as const;
    });
  const facts = (name: string): string[] =>
    all.filter(([fact]) => fact === name).map(([, value]) => value);
  /** Those whose name begins so, with the rest of it. */
  facts.named = (prefix: string): [rest: string, value: string][] =>
    all
      .filter(([fact]) => fact.startsWith(prefix))
      .map(([fact, value]) => [fact.slice(prefix.length), value]);
  return facts;
}

/** The script's own no is about what was asked for. */
async function refusedAsInvalid<T>(script: Promise<T>): Promise<T> {
  try {
    return await script;
  } catch (error) {
    if (error instanceof CommandFailed && error.exitCode === 65) {
      throw permanent('ManageInvalidShare', error.stderr.trim());
    }
    throw error;
  }
}
