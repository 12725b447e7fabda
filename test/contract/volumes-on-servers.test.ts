import type ssh2 from 'ssh2';
import { beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { plugTenantClient, type TenantClient } from '../../dev/tenant-client.js';
import { createUndoStack } from '../../dev/undo-stack.js';
import type { NewServer } from '../../openstack/compute.js';
import { generateHostKey } from '../../ssh/host-key.js';
import { output } from '../devcloud/host-session.js';
import {
  cloudsYaml,
  cloudUrl,
  connectAs,
  eventually,
  host,
  newName,
  refusal,
  undoAfterAll,
  unknownId,
  untilGone,
  valuesUntil,
} from './clouds.js';
import { discardSnapshot, discardVolume } from './discard.js';
import { logInToGuest } from './guest.js';

const demo = connectAs('demo');
const { compute: nova, blockStorage: cinder, network: neutron } = demo;

const name = newName('server');
const userKey = generateHostKey();
const hostKey = generateHostKey();
const metadata = { 'hawser:instance_id': name, 'hawser:host_key': hostKey.publicKey };

let tenant: TenantClient;
let portId: string;
let address: string;
let serverId: string;
let volumeId: string;
let snapshotId: string;
let copyId: string;
let guest: ssh2.Client;
const later = undoAfterAll();
/** The server holds volumes, those too that are made after it, so they go when it is gone. */
const afterServer = createUndoStack();

const serverStatus = async () => (await nova.findServer(serverId))?.status;
const volumeStatus = async (id = volumeId) => (await cinder.findVolume(id))?.status;
const device = (id: string) => `/dev/disk/by-id/virtio-${id.slice(0, 20)}`;

beforeAll(async () => {
  const client = { cloudsYaml, cloudUrl, host, cloud: 'demo', network: 'demo-net', name };
  tenant = await plugTenantClient(client);
  later(() => tenant.close());
  portId = await makePort();
  await nova.createKeypair({ name, publicKey: userKey.publicKey });
  later(() => nova.deleteKeypair(name));
  later(afterServer.undoAll);
  serverId = (await nova.createServer(await serverSpec())).id;
  later(removeServer);
  volumeId = await makeVolume();
});

async function removeServer(): Promise<void> {
  guest?.end();
  await nova.deleteServer(serverId);
  await untilGone(serverStatus);
}

/** In a group that lets SSH in, for real clouds enforce it. */
async function makePort(): Promise<string> {
  const [network] = await neutron.listNetworks({ name: 'demo-net' });
  const group = await neutron.createSecurityGroup({ name });
  later(() => neutron.deleteSecurityGroup(group.id));
  const ssh = { protocol: 'tcp', portRangeMin: 22, portRangeMax: 22 };
  const rule = { securityGroupId: group.id, direction: 'ingress', ethertype: 'IPv4' } as const;
  await neutron.createSecurityGroupRule({ ...rule, ...ssh });
  const networkId = network?.id ?? '';
  const port = await neutron.createPort({ name, networkId, securityGroupIds: [group.id] });
  later(() => neutron.deletePort(port.id));
  address = port.fixedIps[0]?.ipAddress ?? '';
  return port.id;
}

async function serverSpec(): Promise<NewServer> {
  const [image] = await demo.image.findImages({ name: 'manila-service-image' });
  const keys = { ed25519_private: hostKey.privateKey, ed25519_public: hostKey.publicKey };
  return {
    name,
    imageId: image?.id ?? '',
    flavorId: '100',
    portIds: [portId],
    keyName: name,
    configDrive: true,
    userData: `#cloud-config\n${JSON.stringify({ ssh_deletekeys: true, ssh_keys: keys })}\n`,
    metadata,
  };
}

async function makeVolume(fromSnapshot?: string): Promise<string> {
  const spec = { name, sizeGib: 1, metadata: {}, snapshotId: fromSnapshot };
  const { id } = await cinder.createVolume(spec);
  afterServer.push(() => discardVolume(cinder, id));
  return id;
}

/** The size of the disk, once the guest has it. */
const sizeInGuest = async (id: string): Promise<number> =>
  Number(
    await output(
      guest,
      'for try in {1..200}; do [[ -e $1 ]] && break; sleep 0.1; done; blockdev --getsize64 "$1"',
      device(id),
    ),
  );

const call = { service: 'compute', microversion: '2.60' } as const;
const detach = (id: string) =>
  demo.session.send({
    ...call,
    method: 'DELETE',
    path: `/servers/${serverId}/os-volume_attachments/${id}`,
  });

describe('a server', () => {
  test('goes from BUILD to ACTIVE', async () => {
    const seen = await valuesUntil('ACTIVE', serverStatus);
    expect(['BUILD', 'ACTIVE']).toEqual(expect.arrayContaining(seen));
    const server = await nova.getServer(serverId);
    expect(server).toMatchObject({ name, metadata, keyName: name, taskState: null });
    expect(server.addresses).toMatchObject([{ network: 'demo-net', address }]);
  });

  test('has the port that it was given, bound and up', async () => {
    await eventually(() => neutron.getPort(portId)).toMatchObject({
      name,
      deviceId: serverId,
      deviceOwner: expect.stringMatching(/^compute:/),
      status: 'ACTIVE',
    });
    expect(await neutron.listPorts({ device_id: serverId })).toHaveLength(1);
  });

  test('has it alone: a second server with the same port is refused with 409', async () => {
    const twin = nova.createServer(await serverSpec());
    expect(await refusal(twin)).toBe('409 conflictingRequest');
  });

  test('lets in who has its key pair, and proves the host key of its user data', async () => {
    guest = await logInToGuest(tenant, { address, userKey, hostKey });
    expect(await output(guest, 'hostname -I')).toContain(address);
  });

  test('finds metadata and user data on its config drive', async () => {
    const read = async (file: string) =>
      output(
        guest,
        'mount -o ro /dev/disk/by-label/config-2 /mnt; cat "/mnt/openstack/latest/$1"; umount /mnt',
        file,
      );
    expect(JSON.parse(await read('meta_data.json'))).toMatchObject({
      uuid: serverId,
      name,
      meta: metadata,
      public_keys: { [name]: expect.stringContaining(userKey.publicKey) },
    });
    expect(await read('user_data')).toBe((await serverSpec()).userData);
  });
});

describe('a volume', () => {
  test('that is attached is in use by the server, and a disk with its id for a serial', async () => {
    await eventually(volumeStatus).toBe('available');
    const made = await nova.attachVolume(serverId, volumeId);
    expect(made).toMatchObject({ serverId, volumeId });
    const seen = await valuesUntil('in-use', volumeStatus);
    const possible = ['available', 'reserved', 'attaching', 'in-use'];
    expect(possible).toEqual(expect.arrayContaining(seen));
    expect((await cinder.getVolume(volumeId)).attachments).toMatchObject([{ serverId }]);
    expect(await sizeInGuest(volumeId)).toBe(1024 ** 3);
  });

  test('that is attached is among the attachments of its server', async () => {
    expect(await nova.findAttachment(serverId, volumeId)).toMatchObject({ serverId, volumeId });
    expect(await nova.listAttachments(serverId)).toMatchObject([{ volumeId }]);
    const key = 'os-extended-volumes:volumes_attached';
    const schema = z.object({ server: z.object({ [key]: z.array(z.looseObject({})) }) });
    const path = `/servers/${serverId}`;
    const { server } = await demo.session.request({ ...call, method: 'GET', path, schema });
    expect(server[key]).toMatchObject([{ id: volumeId }]);
  });

  test('that is attached is renamed and marked, and its former metadata are gone', async () => {
    const former = await cinder.getVolume(volumeId);
    for (const changes of [
      { name: newName('renamed'), metadata: { 'hawser:share_id': name, by: 'hand' } },
      { name: former.name, metadata: { by: 'hand' } },
      { name: former.name, metadata: former.metadata },
    ]) {
      await cinder.updateVolume(volumeId, changes);
      const { name: seen, metadata: marks, status } = await cinder.getVolume(volumeId);
      expect({ name: seen, metadata: marks }).toEqual(changes);
      expect(status).toBe('in-use');
    }
  });

  test('that is attached is not attached again, nor deleted: 400', async () => {
    expect(await refusal(nova.attachVolume(serverId, volumeId))).toBe('400 badRequest');
    expect(await refusal(cinder.deleteVolume(volumeId))).toBe('400 badRequest');
    expect(await volumeStatus()).toBe('in-use');
  });

  test('that there is not, or that is not attached, is answered with 404', async () => {
    expect(await refusal(nova.attachVolume(serverId, unknownId))).toBe('404 itemNotFound');
    expect(await refusal(detach(unknownId))).toBe('404 itemNotFound');
    expect(await nova.findAttachment(serverId, unknownId)).toBeUndefined();
  });

  test('in use gives a snapshot when it is forced to, else 400', async () => {
    await output(guest, 'printf before | dd of="$1" conv=fsync,notrunc', device(volumeId));
    const unforced = demo.session.send({
      service: 'volume',
      microversion: '3.42',
      method: 'POST',
      path: '/snapshots',
      body: { snapshot: { volume_id: volumeId, name } },
    });
    expect(await refusal(unforced)).toBe('400 badRequest');
    const { id } = await cinder.createSnapshot({ volumeId, name, metadata: {} });
    snapshotId = id;
    afterServer.push(() => discardSnapshot(cinder, id));
    await eventually(async () => (await cinder.getSnapshot(id)).status).toBe('available');
    expect(await volumeStatus()).toBe('in-use');
    await output(guest, 'printf after. | dd of="$1" conv=fsync,notrunc', device(volumeId));
  });

  test('in use can grow, and the guest sees the new size', async () => {
    await cinder.extendVolume(volumeId, 2);
    const seen = await valuesUntil('in-use', volumeStatus);
    expect(['extending', 'in-use']).toEqual(expect.arrayContaining(seen));
    expect((await cinder.getVolume(volumeId)).sizeGib).toBe(2);
    await eventually(() => sizeInGuest(volumeId)).toBe(2 * 1024 ** 3);
  });

  test('of a snapshot holds what was synced before it', async () => {
    copyId = await makeVolume(snapshotId);
    await eventually(() => volumeStatus(copyId)).toBe('available');
    expect(await refusal(detach(copyId))).toBe('404 itemNotFound');
    await nova.attachVolume(serverId, copyId);
    await eventually(() => volumeStatus(copyId)).toBe('in-use');
    expect(await sizeInGuest(copyId)).toBe(1024 ** 3);
    expect(await output(guest, 'head -c 6 "$1"', device(copyId))).toBe('before');
    expect(await output(guest, 'head -c 6 "$1"', device(volumeId))).toBe('after.');
  });

  test('that is detached is available again, and its disk is gone', async () => {
    await nova.detachVolume(serverId, copyId);
    // Under way, or done already.
    expect(await refusal(detach(copyId))).toMatch(/^(400 badRequest|404 itemNotFound)$/);
    const seen = await valuesUntil('available', () => volumeStatus(copyId));
    expect(['in-use', 'detaching', 'available']).toEqual(expect.arrayContaining(seen));
    expect((await cinder.getVolume(copyId)).attachments).toEqual([]);
    expect(await nova.findAttachment(serverId, copyId)).toBeUndefined();
    await output(guest, 'udevadm settle; test ! -e "$1"', device(copyId));
    expect(await refusal(detach(copyId))).toBe('404 itemNotFound');
  });
});

describe('the metadata of a server', () => {
  test('is merged with what is new', async () => {
    await nova.updateServerMetadata(serverId, { 'hawser:instance_id': 'other', more: '1' });
    const merged = { ...metadata, 'hawser:instance_id': 'other', more: '1' };
    expect((await nova.getServer(serverId)).metadata).toEqual(merged);
  });
});

describe('a server that is busy', () => {
  const reboots = async () =>
    (await nova.listActions(serverId)).filter(({ action }) => action === 'reboot');

  test('is not given volumes, nor asked to give them up: 409', async () => {
    const before = await reboots();
    await nova.rebootServer(serverId, 'HARD');
    // By this an attempt whose answer was lost knows that it was made.
    expect(await reboots()).toHaveLength(before.length + 1);
    expect(await refusal(nova.attachVolume(serverId, copyId))).toBe('409 conflictingRequest');
    expect(await refusal(detach(volumeId))).toBe('409 conflictingRequest');
    expect(await volumeStatus(copyId)).toBe('available');
    expect(await volumeStatus(volumeId)).toBe('in-use');
  });

  test('comes back with the volumes that it had', async () => {
    const state = async () => {
      const { status, taskState } = await nova.getServer(serverId);
      return { status, taskState };
    };
    await eventually(state).toEqual({ status: 'ACTIVE', taskState: null });
    expect(await nova.listAttachments(serverId)).toMatchObject([{ volumeId }]);
  });
});

describe('a server that is deleted', () => {
  test('lets go of its volumes', async () => {
    await nova.deleteServer(serverId);
    const seen = await valuesUntil('gone', serverStatus);
    expect(['ACTIVE', 'REBOOT', 'HARD_REBOOT', 'DELETED', 'gone']).toEqual(
      expect.arrayContaining(seen),
    );
    expect(await refusal(nova.getServer(serverId))).toBe('404 itemNotFound');
    await eventually(volumeStatus).toBe('available');
    expect((await cinder.getVolume(volumeId)).attachments).toEqual([]);
  });

  test('leaves the port that it was given, free for another', async () => {
    await eventually(() => neutron.getPort(portId)).toMatchObject({
      deviceId: '',
      deviceOwner: '',
      status: 'DOWN',
      fixedIps: [{ ipAddress: address }],
    });
  });

  test('is not there to be deleted again: 404', async () => {
    const again = { ...call, method: 'DELETE', path: `/servers/${serverId}` } as const;
    expect(await refusal(demo.session.send(again))).toBe('404 itemNotFound');
  });
});
