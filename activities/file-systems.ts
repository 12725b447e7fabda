import type { InstanceHost, ShareLocation } from '../workflows/model.js';
import type { Backends } from './backend.js';
import { hostScript } from './host-script.js';
import { deviceSerial, fileSystemLabel, newLocation } from './share-paths.js';

export type FileSystemActivities = ReturnType<typeof createFileSystemActivities>;

interface OnHost {
  host: InstanceHost;
  shareId: string;
  /** Without it, where a new share is put. */
  location?: ShareLocation | null;
}

/** The file systems of shares on their service instance. */
export function createFileSystemActivities(backends: Backends) {
  const format = hostScript(backends, 'format-volume', 600_000);
  const mount = hostScript(backends, 'mount-share', 60_000);
  const unmount = hostScript(backends, 'unmount-share', 120_000);

  return {
    /**
     * Makes a file system on the volume's device if it is blank. Safe to repeat: one that an earlier attempt
     * made is kept, and anything else found there is a `DeviceNotBlank` failure with nothing touched.
     */
    async formatVolume({ host, volumeId }: OnHost & { volumeId: string }): Promise<void> {
      const { share_volume_fstype, set_zero_reserved_blocks, max_time_to_attach } = backends(
        host.backend,
      ).options;
      await format(
        host,
        deviceSerial(volumeId),
        fileSystemLabel(volumeId),
        share_volume_fstype,
        set_zero_reserved_blocks ? '0' : '5',
        String(max_time_to_attach),
      );
    },

    /** Mounts the volume, now and after each reboot, and says where. Safe to repeat. */
    async mountShare({
      host,
      shareId,
      volumeId,
      location,
    }: OnHost & { volumeId: string }): Promise<ShareLocation> {
      const { options } = backends(host.backend);
      const place = { ...(location ?? newLocation(options, shareId)), volumeId };
      await mount(host, shareId, deviceSerial(volumeId), place.path, place.fileSystem);
      return place;
    },

    /** Unmounts the share and forgets it in fstab; refuses to be lazy about clients. Safe to repeat. */
    async unmountShare({ host, shareId, location }: OnHost): Promise<void> {
      const { path } = location ?? newLocation(backends(host.backend).options, shareId);
      await unmount(host, shareId, path);
    },
  };
}
