import { z } from 'zod';
import { blockNode, deviceName, diskDevice, nodeName, type PluggedVolume } from './qemu-command.js';
import { type Qmp, QmpError } from './qmp.js';

const blockNodes = z.array(z.object({ 'node-name': z.string() }));
const devices = z.array(z.object({ name: z.string() }));

const UNPLUG_LIMIT_MS = 60_000;
/** A guest that boots does not hear the request, so it is repeated. */
const UNPLUG_REPEAT_MS = 3_000;

export async function plugVolume(qmp: Qmp, volume: PluggedVolume): Promise<void> {
  if (!(await hasNode(qmp, volume.id))) await qmp.execute('blockdev-add', blockNode(volume));
  if (!(await hasDevice(qmp, volume.id))) await qmp.execute('device_add', diskDevice(volume));
}

/** Returns when the guest has given the disk up. @throws Error when it keeps it */
export async function unplugVolume(qmp: Qmp, volumeId: string): Promise<void> {
  const device = deviceName(volumeId);
  for (let waitedMs = 0; await hasDevice(qmp, volumeId); waitedMs += UNPLUG_REPEAT_MS) {
    if (waitedMs >= UNPLUG_LIMIT_MS) {
      throw new Error(
        `The guest did not give up the disk of volume ${volumeId} in ${UNPLUG_LIMIT_MS / 1000} s; try again when it runs`,
      );
    }
    await qmp.execute('device_del', { id: device }).catch(ignoreRefusal);
    await qmp.sees('DEVICE_DELETED', (data) => isAbout(data, device), UNPLUG_REPEAT_MS);
  }
  if (await hasNode(qmp, volumeId)) {
    await qmp.execute('blockdev-del', { 'node-name': nodeName(volumeId) });
  }
}

export async function resizeDisk(qmp: Qmp, volumeId: string, bytes: number): Promise<void> {
  if (!(await hasNode(qmp, volumeId))) return;
  await qmp.execute('block_resize', { 'node-name': nodeName(volumeId), size: bytes });
}

async function hasNode(qmp: Qmp, volumeId: string): Promise<boolean> {
  const nodes = blockNodes.parse(await qmp.execute('query-named-block-nodes', { flat: true }));
  return nodes.some((node) => node['node-name'] === nodeName(volumeId));
}

async function hasDevice(qmp: Qmp, volumeId: string): Promise<boolean> {
  const found = devices.parse(await qmp.execute('qom-list', { path: '/machine/peripheral' }));
  return found.some(({ name }) => name === deviceName(volumeId));
}

const deletedDevice = z.object({ device: z.string() });
const isAbout = (data: unknown, device: string): boolean =>
  deletedDevice.safeParse(data).data?.device === device;

/** QEMU refuses a second request while the first one is under way. */
function ignoreRefusal(error: unknown): void {
  if (!(error instanceof QmpError)) throw error;
}
