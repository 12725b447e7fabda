import { beforeAll, describe, expect, test } from 'vitest';
import type { NewVolume } from '../../openstack/block-storage.js';
import { createUndoStack } from '../../dev/undo-stack.js';
import {
  connectAs,
  eventually,
  newName,
  refusal,
  undoAfterAll,
  unknownId,
  untilGone,
  valuesUntil,
} from './clouds.js';
import { discardVolume } from './discard.js';

const demo = connectAs('demo');
const { compute: nova, blockStorage: cinder, network: neutron } = demo;

const later = undoAfterAll();
/** Copies first: their source cannot go before them everywhere. */
const volumes = createUndoStack();

/** GiB; the service image needs as much. */
const size = 2;

let imageId: string;
let networkId: string;
/** Filled from the image, and a copy of that. */
let baseId: string;
let copyId: string;

beforeAll(async () => {
  const [image] = await demo.image.findImages({ name: 'manila-service-image' });
  imageId = image?.id ?? '';
  const [network] = await neutron.listNetworks({ name: 'demo-net' });
  networkId = network?.id ?? '';
  later(volumes.undoAll);
});

const statusOf = async (id: string) => (await cinder.findVolume(id))?.status;

async function make(more: Partial<NewVolume>): Promise<string> {
  const name = newName('boot');
  const { id } = await cinder.createVolume({ name, sizeGib: size, metadata: {}, ...more });
  volumes.push(() => discardVolume(cinder, id));
  return id;
}

async function boot(volumeId: string, deleteOnTermination: boolean): Promise<string> {
  const name = newName('server');
  const port = await neutron.createPort({ name, networkId });
  later(() => neutron.deletePort(port.id));
  const bootVolume = { volumeId, deleteOnTermination };
  const spec = { name, flavorId: '100', portIds: [port.id], bootVolume };
  const { id } = await nova.createServer(spec);
  later(async () => {
    await nova.deleteServer(id);
    await untilGone(() => nova.findServer(id));
  });
  return id;
}

const serverStatus = (id: string) => async () => (await nova.findServer(id))?.status;

describe('a volume to boot from', () => {
  test('is filled from an image', async () => {
    baseId = await make({ imageId });
    const seen = await valuesUntil('available', () => statusOf(baseId));
    expect(['creating', 'downloading', 'available']).toEqual(expect.arrayContaining(seen));
  });

  test('of an image that there is not is refused with 400', async () => {
    expect(await refusal(make({ imageId: unknownId }))).toBe('400 badRequest');
  });

  test('is copied from another, and is no smaller than that', async () => {
    const smaller = make({ sourceVolumeId: baseId, sizeGib: size - 1 });
    expect(await refusal(smaller)).toBe('400 badRequest');
    expect(await refusal(make({ sourceVolumeId: unknownId }))).toBe('404 itemNotFound');
    copyId = await make({ sourceVolumeId: baseId });
    await eventually(() => statusOf(copyId)).toBe('available');
  });
});

describe('a server', () => {
  test('does not boot from a volume that is none to boot from: 400', async () => {
    const id = await make({ sizeGib: 1 });
    await eventually(() => statusOf(id)).toBe('available');
    expect(await refusal(boot(id, true))).toBe('400 badRequest');
  });

  test('boots from a copy, has it as an attachment, and takes it along when it goes', async () => {
    const id = await boot(copyId, true);
    await eventually(serverStatus(id)).toBe('ACTIVE');
    expect(await nova.listAttachments(id)).toMatchObject([{ volumeId: copyId }]);
    expect(await cinder.getVolume(copyId)).toMatchObject({
      status: 'in-use',
      attachments: [{ serverId: id }],
    });
    expect(await refusal(cinder.deleteVolume(copyId))).toBe('400 badRequest');
    await nova.deleteServer(id);
    await eventually(() => statusOf(copyId)).toBeUndefined();
  });

  test('leaves the volume behind where it was told to', async () => {
    const id = await boot(baseId, false);
    await eventually(serverStatus(id)).toBe('ACTIVE');
    await nova.deleteServer(id);
    await eventually(() => statusOf(baseId)).toBe('available');
    expect((await cinder.getVolume(baseId)).attachments).toEqual([]);
  });
});
