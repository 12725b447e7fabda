import type { Volume } from '../openstack/block-storage.js';
import { fillTemplate, type Backends } from './backend.js';
import { permanent } from './failures.js';
import { noneTwice } from './lagging-lists.js';
import { backendTag, shareTag, takenOverTag } from './marks.js';
import { deviceSerial } from './share-paths.js';

export type ExistingVolumeActivities = ReturnType<typeof createExistingVolumeActivities>;

/** A volume as it was before a share was taken over with it. */
export interface ExistingVolume {
  volumeId: string;
  name: string;
  sizeGib: number;
  metadata: Record<string, string>;
}

interface Wanted {
  backend: string;
  shareId: string;
  serverId: string;
  /** What the caller says it is; null to find it. */
  volumeId: string | null;
  /** Of the device that is mounted. */
  serial: string | null;
}

const ourKeys = 'hawser:';
/** What Cinder shows administrators beside a volume's own metadata; written, it would be the volume's. */
const cinderKeys = new Set(['attached_mode', 'readonly']);

/** Cinder: volumes that were there before their shares. */
export function createExistingVolumeActivities(backends: Backends) {
  const volumesOn = async ({ backend, serverId }: Wanted): Promise<Volume[]> => {
    const { compute, blockStorage } = backends(backend).cloud;
    const attachments = await compute.listAttachments(serverId);
    const found = await Promise.all(
      attachments.map(({ volumeId }) => blockStorage.findVolume(volumeId)),
    );
    return found.filter((volume) => volume !== undefined);
  };

  return {
    /**
     * The volume that a file system is on, among those of its server: the one named, which its device must not
     * contradict, else by the device's serial. Null when it is on none as a whole.
     */
    async findExistingVolume(wanted: Wanted): Promise<ExistingVolume | null> {
      const isIt = ({ id }: Volume): boolean =>
        wanted.volumeId === null ? deviceSerial(id) === wanted.serial : id === wanted.volumeId;
      let volumes: Volume[] = [];
      const [volume] = await noneTwice(async () => {
        volumes = await volumesOn(wanted);
        return volumes.filter(isIt);
      });
      if (wanted.volumeId !== null) requireNamed(wanted, wanted.volumeId, volume, volumes);
      if (!volume) return null;
      const { id: volumeId, name, sizeGib } = volume;
      return { volumeId, name, sizeGib, metadata: ownMetadata(volume) };
    },

    /**
     * Gives the volume the share's name and mark. `ManageInvalidShare` if it bears another share's mark that it did
     * not have when it was found. Safe to repeat.
     */
    async claimVolume({
      backend: name,
      shareId,
      volume,
    }: {
      backend: string;
      shareId: string;
      volume: ExistingVolume;
    }): Promise<void> {
      const { cloud, options } = backends(name);
      const { [shareTag]: owner } = (await cloud.blockStorage.getVolume(volume.volumeId)).metadata;
      if (owner !== undefined && owner !== shareId && owner !== volume.metadata[shareTag]) {
        throw permanent(
          'ManageInvalidShare',
          `Volume ${volume.volumeId} became that of share ${owner} meanwhile; share ${shareId} can't have it too`,
        );
      }
      await cloud.blockStorage.updateVolume(volume.volumeId, {
        name: fillTemplate(options.volume_name_template, shareId),
        metadata: {
          ...volume.metadata,
          [shareTag]: shareId,
          [backendTag]: name,
          [takenOverTag]: 'true',
        },
      });
    },

    /**
     * Gives the volume its former name and metadata back. One that is gone, or does not bear this share's mark, is left
     * alone: it was never claimed, or is another share's by now. Safe to repeat.
     */
    async restoreVolume({
      backend,
      shareId,
      volume: { volumeId, name, metadata },
    }: {
      backend: string;
      shareId: string;
      volume: ExistingVolume;
    }): Promise<void> {
      const { blockStorage } = backends(backend).cloud;
      const now = await blockStorage.findVolume(volumeId);
      if (now?.metadata[shareTag] !== shareId) return;
      await blockStorage.updateVolume(volumeId, { name, metadata });
    },

    /** Takes our marks off the share's volume, which stays as it is otherwise. Safe to repeat. */
    async releaseVolume({ backend, shareId }: { backend: string; shareId: string }): Promise<void> {
      const { blockStorage } = backends(backend).cloud;
      const volumes = await blockStorage.listVolumes({ metadata: { [shareTag]: shareId } });
      for (const volume of volumes) {
        const others = Object.entries(ownMetadata(volume)).filter(
          ([key]) => !key.startsWith(ourKeys),
        );
        await blockStorage.updateVolume(volume.id, { metadata: Object.fromEntries(others) });
      }
    },
  };
}

const ownMetadata = ({ metadata }: Volume): Record<string, string> =>
  Object.fromEntries(Object.entries(metadata).filter(([key]) => !cinderKeys.has(key)));

function requireNamed(
  { serverId, serial }: Wanted,
  volumeId: string,
  volume: Volume | undefined,
  volumes: Volume[],
): void {
  if (!volume) {
    const there = volumes.map(({ id }) => id).join(', ');
    throw permanent(
      'ManageInvalidShare',
      `Volume ${volumeId} is not attached to server ${serverId} (attached: ${there || 'none'})`,
    );
  }
  if (serial !== deviceSerial(volumeId)) {
    throw permanent(
      'ManageInvalidShare',
      `The file system is not on volume ${volumeId} as a whole: its device has ${serial === null ? 'no serial' : `the serial ${serial}`}. Name the volume that it is on, or none`,
    );
  }
}
