import type { Cloud } from '../cloud.js';
import type { Fault } from '../faults.js';
import type { Volume } from './rows.js';
import { copyImage, makeDirty, setSize, snapshotFile, volumeFile } from './volume-files.js';
import { changeVolume } from './find-volume.js';

/** The ends of what the API began: each makes true what the status promises, however often it runs. */
export function volumeJobs(cloud: Cloud): void {
  const { jobs, faults, tables, hosts, log } = cloud;

  /** Runs the work, and on any trouble puts the volume into `failed`. */
  const onVolume = (
    kind: string,
    failed: string,
    work: (volume: Volume, fault: Fault | undefined, data: Record<string, string>) => Promise<void>,
  ) =>
    jobs.on(kind, async ({ target, data }) => {
      const volume = tables.volumes.get(target);
      if (!volume) return;
      const fault = faults.forTransition(kind, target);
      try {
        if (fault?.outcome) throw new Error(fault.message ?? 'Planned failure');
        await work(volume, fault, data);
      } catch (error) {
        log.warn({ err: error, volume: target }, `${kind} failed`);
        changeVolume(cloud, target, { status: failed });
      }
    });

  onVolume('volume.create', 'error', async (volume, fault) => {
    if (volume.status !== 'creating') return;
    await fill(cloud, volume);
    if (fault?.dirtyVolume) await makeDirty(volumeFile(cloud, volume.id));
    changeVolume(cloud, volume.id, { status: 'available' });
  });

  onVolume('volume.delete', 'error_deleting', async ({ id }) => {
    await hosts.removeVolume(volumeFile(cloud, id));
    tables.volumes.delete(id);
  });

  onVolume('volume.extend', 'error_extending', async (volume, _fault, data) => {
    const sizeGib = Number(data.sizeGib);
    await setSize(volumeFile(cloud, volume.id), sizeGib);
    const attached = attachedServer(cloud, volume.id);
    if (attached && (await hosts.isRunning(attached))) {
      await hosts.volumeResized(attached, volumeFile(cloud, volume.id));
    }
    changeVolume(cloud, volume.id, { sizeGib, status: data.former ?? 'available' });
  });

  onVolume('volume.revert', 'error', async (volume, _fault, data) => {
    await hosts.copyVolume(
      snapshotFile(cloud, data.snapshotId ?? ''),
      volumeFile(cloud, volume.id),
    );
    changeVolume(cloud, volume.id, { status: 'available' });
  });
}

const attachedServer = ({ tables }: Cloud, id: string): string | undefined =>
  tables.attachments.find(({ volumeId, status }) => volumeId === id && status === 'attached')
    ?.serverId ?? undefined;

async function fill(cloud: Cloud, volume: Volume): Promise<void> {
  const { hosts, tables } = cloud;
  const file = volumeFile(cloud, volume.id);
  const image = volume.imageId && tables.images.get(volume.imageId);
  if (image && image.file) await copyImage(image.file, image.diskFormat ?? 'raw', file);
  await setSize(file, volume.sizeGib);
  if (volume.snapshotId) await hosts.copyVolume(snapshotFile(cloud, volume.snapshotId), file);
  if (volume.sourceVolumeId) await hosts.copyVolume(volumeFile(cloud, volume.sourceVolumeId), file);
}
