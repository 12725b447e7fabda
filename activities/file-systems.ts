import { GIB, type InstanceHost, type ShareLocation } from '../workflows/model.js';
import type { Backend, Backends } from './backend.js';
import { permanent } from './failures.js';
import { hostScript, numbersIn, runTask, scriptOf, type HostTask } from './host-script.js';
import { isOff } from './server-off.js';
import { deviceSerial, fileSystemLabel, newLocation } from './share-paths.js';

export type FileSystemActivities = ReturnType<typeof createFileSystemActivities>;

interface OnHost {
  host: InstanceHost;
  shareId: string;
  /** Without it, where a new share is put. */
  location?: ShareLocation | null;
}

/** In bytes. */
export interface FileSystemUse {
  sizeBytes: number;
  /** What of it the file system keeps for itself. */
  overheadBytes: number;
  usedBytes: number;
}

interface Hold {
  /** A name for one freeze of the share, without spaces. */
  hold: string;
}

interface OfVolume {
  volumeId: string;
}

interface Mounting extends OnHost, OfVolume {
  isNew?: boolean;
}

const formatScript = scriptOf('format-volume', 600_000, 'await-device');
const mountScript = scriptOf(
  'mount-share',
  600_000,
  'await-device',
  'fstab-line',
  'replace',
  'top-mount',
);
const unmountScript = scriptOf('unmount-share', 120_000, 'exports', 'replace', 'top-mount');

/** The file systems of shares on their service instance. */
export function createFileSystemActivities(backends: Backends) {
  const otherMount = hostScript(backends, 'other-mount', 60_000, 'top-mount');
  const measure = hostScript(backends, 'measure-share', 60_000, 'superblock', 'top-mount');
  const resize = hostScript(
    backends,
    'resize-file-system',
    43_200_000,
    'await-device',
    'resizing',
    'superblock',
  );
  const renew = hostScript(
    backends,
    'renew-file-system',
    43_200_000,
    'await-device',
    'resizing',
    'superblock',
  );
  const freeze = hostScript(backends, 'freeze-file-system', 120_000);
  const thaw = hostScript(backends, 'thaw-file-system', 60_000);

  return {
    /**
     * Makes a file system on the volume's device if it is blank. Safe to repeat: one that an earlier attempt
     * made is kept, and anything else found there is a `DeviceNotBlank` failure with nothing touched.
     */
    async formatVolume({ host, volumeId }: OnHost & OfVolume): Promise<void> {
      await runTask(backends, host, formatting(backends(host.backend), { volumeId }));
    },

    /**
     * Makes the copy of another share's file system, which the volume came with, one of its own: checked, of the
     * share's size and with another UUID; says where it will be. Fails with its files untouched when they need
     * more room, or when it is no ext3 or ext4. Safe to repeat.
     */
    async renewFileSystem({
      host,
      shareId,
      location,
      volumeId,
      sizeGib,
    }: OnHost & OfVolume & { sizeGib: number }): Promise<ShareLocation> {
      const { options } = backends(host.backend);
      const answer = await renew(
        host,
        deviceSerial(volumeId),
        fileSystemLabel(volumeId),
        String(sizeGib),
        options.set_zero_reserved_blocks ? '0' : '5',
        String(options.max_time_to_attach),
      );
      const [outcome, detail = ''] = answer.trim().split(' ');
      if (outcome === 'small') {
        throw permanent(
          'SnapshotNotUsable',
          `The files of the snapshot need ${detail} GiB, more than the ${sizeGib} GiB of share ${shareId}: ask for a larger share`,
        );
      }
      if (outcome !== 'ready' || (detail !== 'ext4' && detail !== 'ext3')) {
        throw permanent(
          'SnapshotNotUsable',
          `The snapshot that share ${shareId} is made from holds no ext3 or ext4 file system, but ${detail}`,
        );
      }
      return { ...(location ?? newLocation(options, shareId)), volumeId, fileSystem: detail };
    },

    /**
     * Mounts the volume, now and after each reboot, and says where; the root of a new file system gets the mode of
     * `share_root_mode`. What somebody else has mounted there is left alone. Safe to repeat.
     */
    async mountShare(share: Mounting): Promise<ShareLocation> {
      const { host } = share;
      return runTask(backends, host, mounting(backends(host.backend), share));
    },

    /**
     * Unmounts the share and forgets it in fstab; refuses to be lazy about clients. On a server that is gone or off
     * nothing is mounted, and a line that stays in fstab lets it boot without the volume. With a volume named, what is
     * mounted there from another is left alone. Safe to repeat.
     */
    async unmountShare(share: OnHost & Partial<OfVolume>): Promise<void> {
      const { host } = share;
      if (await isOff(backends, host)) return;
      await runTask(backends, host, unmounting(backends(host.backend), share));
    },

    /**
     * What is mounted in the share's place from another disk than its volume's (null for a volume that is gone); null when
     * there is nothing of the kind, or the server is gone or off. Changes nothing.
     */
    async findOtherMount({
      host,
      shareId,
      volumeId,
    }: Omit<OnHost, 'location'> & { volumeId: string | null }): Promise<string | null> {
      if (await isOff(backends, host)) return null;
      const { path } = newLocation(backends(host.backend).options, shareId);
      const serial = volumeId === null ? [] : [deviceSerial(volumeId)];
      return (await otherMount(host, path, ...serial)).trim() || null;
    },

    /** What the mounted file system takes, in bytes; null when it is not mounted. Changes nothing. */
    async measureShare({ host, shareId, location }: OnHost): Promise<FileSystemUse | null> {
      const { path } = location ?? newLocation(backends(host.backend).options, shareId);
      const said = await measure(host, path);
      if (said === '') return null;
      const [sizeBytes = 0, overheadBytes = 0, usedBytes = 0] = numbersIn(
        said,
        3,
        'measure-share',
        host,
      );
      return { sizeBytes, overheadBytes, usedBytes };
    },

    /**
     * Checks the unmounted file system and makes it this large, smaller or larger than it was. Safe to repeat, also
     * while an attempt whose connection was lost is still at it. `ShrinkingPossibleDataLoss` when its data would not
     * fit, with nothing moved.
     */
    async resizeFileSystem({
      host,
      shareId,
      volumeId,
      sizeGib,
    }: OnHost & OfVolume & { sizeGib: number }): Promise<void> {
      const { max_time_to_attach } = backends(host.backend).options;
      const minimum = await resize(
        host,
        deviceSerial(volumeId),
        String(sizeGib),
        String(max_time_to_attach),
      );
      if (minimum === '') return;
      const [leastBytes = 0] = numbersIn(minimum, 1, 'resize-file-system', host);
      const leastGib = Math.ceil(leastBytes / GIB);
      throw permanent(
        'ShrinkingPossibleDataLoss',
        `The data of share ${shareId} needs at least ${leastGib} GiB: it can't shrink to ${sizeGib} GiB. Remove some of it first`,
      );
    },

    /**
     * Writes everything to the volume and holds up whoever writes, until `thawFileSystem` or, after
     * `max_time_to_freeze`, until the instance's own watchdog lets go. `hold` names this freeze. Safe to repeat.
     */
    async freezeFileSystem({ host, shareId, location, hold }: OnHost & Hold): Promise<void> {
      const { options } = backends(host.backend);
      const { path } = location ?? newLocation(options, shareId);
      await freeze(host, shareId, hold, path, String(options.max_time_to_freeze));
    },

    /**
     * Lets writers go on, and says whether they were held up until now: not when the watchdog was earlier, or
     * the instance was rebooted. Another freeze than `hold` is left alone. Safe to repeat.
     */
    async thawFileSystem({
      host,
      shareId,
      location,
      hold,
    }: OnHost & Hold): Promise<{ heldUntilNow: boolean }> {
      const { path } = location ?? newLocation(backends(host.backend).options, shareId);
      return { heldUntilNow: (await thaw(host, shareId, hold, path)).trim() === 'held' };
    },
  };
}

/** Makes a file system where the volume is blank. */
export function formatting(
  { options }: Pick<Backend, 'options'>,
  { volumeId }: OfVolume,
): HostTask<void> {
  return {
    script: formatScript,
    args: [
      deviceSerial(volumeId),
      fileSystemLabel(volumeId),
      options.share_volume_fstype,
      options.set_zero_reserved_blocks ? '0' : '5',
      String(options.max_time_to_attach),
    ],
    read: () => undefined,
  };
}

/** Mounts it, and says where. */
export function mounting(
  { options }: Pick<Backend, 'options'>,
  { shareId, volumeId, location, isNew = false }: Mounting,
): HostTask<ShareLocation> {
  const place = { ...(location ?? newLocation(options, shareId)), volumeId };
  return {
    script: mountScript,
    args: [
      shareId,
      deviceSerial(volumeId),
      place.path,
      place.fileSystem,
      String(options.max_time_to_attach),
      isNew ? options.share_root_mode : '',
    ],
    read: () => place,
  };
}

/** Unmounts it, from its own volume only where that is named. */
export function unmounting(
  { options }: Pick<Backend, 'options'>,
  { shareId, location, volumeId }: OnHost & Partial<OfVolume>,
): HostTask<void> {
  const { path } = location ?? newLocation(options, shareId);
  const serial = volumeId === undefined ? '' : deviceSerial(volumeId);
  return { script: unmountScript, args: [shareId, path, serial], read: () => undefined };
}
