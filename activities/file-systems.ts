import type { InstanceHost } from '../workflows/model.js';
import type { Backends } from './backend.js';
import { hostScript } from './host-script.js';
import { deviceSerial, fileSystemLabel, mountPath } from './share-paths.js';

export type FileSystemActivities = ReturnType<typeof createFileSystemActivities>;

interface OnHost {
  host: InstanceHost;
  shareId: string;
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

    /** Mounts the volume, now and after each reboot. Safe to repeat. */
    async mountShare({ host, shareId, volumeId }: OnHost & { volumeId: string }): Promise<void> {
      const { options } = backends(host.backend);
      await mount(
        host,
        shareId,
        deviceSerial(volumeId),
        mountPath(options, shareId),
        options.share_volume_fstype,
      );
    },

    /** Unmounts the share and forgets it in fstab; refuses to be lazy about clients. Safe to repeat. */
    async unmountShare({ host, shareId }: OnHost): Promise<void> {
      await unmount(host, shareId, mountPath(backends(host.backend).options, shareId));
    },
  };
}
