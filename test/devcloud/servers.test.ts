import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import {
  pick,
  startTestCloud,
  until,
  untilGone,
  type Answer,
  type Speaker,
  type TestCloud,
} from './test-cloud.js';

let cloud: TestCloud;
let demo: Speaker;
let admin: Speaker;
let image: string;
let network: string;

beforeAll(async () => {
  cloud = await startTestCloud();
  [demo, admin] = await Promise.all([cloud.as('demo'), cloud.as('admin')]);
  image = pick(await demo.glance('GET', '/v2/images'), 'images.0.id');
  network = pick(await demo.neutron('GET', '/networks?name=demo-net'), 'networks.0.id');
});

afterAll(async () => {
  await cloud?.remove();
});

afterEach(async () => {
  await cloud.reset();
});

const boot = (changes: object = {}, headers = {}): Promise<Answer> =>
  demo.nova(
    'POST',
    '/servers',
    {
      server: {
        name: 'box',
        imageRef: image,
        flavorRef: '100',
        networks: [{ uuid: network }],
        ...changes,
      },
    },
    headers,
  );
const show = (id: string) => demo.nova('GET', `/servers/${id}`);
const act = (id: string, action: object) => demo.nova('POST', `/servers/${id}/action`, action);
const remove = async (id: string) => {
  await demo.nova('DELETE', `/servers/${id}`);
  await untilGone(() => show(id));
};
const newPort = async () =>
  pick(await demo.neutron('POST', '/ports', { port: { network_id: network } }), 'port.id');
const port = (id: string) => demo.neutron('GET', `/ports/${id}`);

async function running(changes: object = {}): Promise<string> {
  const id = pick(await boot(changes), 'server.id');
  await until(() => show(id), 'server.status', 'ACTIVE');
  return id;
}

describe('a server', () => {
  test('is built step by step, and shows addresses only when it is there', async () => {
    await cloud.slow('server.create');
    await cloud.slow('server.delete');
    const created = await boot();
    expect(created.status).toBe(202);
    const id = pick(created, 'server.id');
    expect(created.headers['location']).toContain(id);
    expect((await show(id)).body).toMatchObject({
      server: { status: 'BUILD', 'OS-EXT-STS:task_state': 'scheduling', addresses: {} },
    });
    await until(() => show(id), 'server.status', 'ACTIVE');
    expect((await show(id)).body).toMatchObject({
      server: {
        'OS-EXT-STS:task_state': null,
        'OS-EXT-STS:power_state': 1,
        addresses: { 'demo-net': [{ version: 4, 'OS-EXT-IPS:type': 'fixed' }] },
        security_groups: [{ name: 'default' }],
      },
    });
    expect((await demo.nova('DELETE', `/servers/${id}`)).status).toBe(204);
    expect((await show(id)).body).toMatchObject({
      server: { status: 'ACTIVE', 'OS-EXT-STS:task_state': 'deleting' },
    });
    await untilGone(() => show(id));
    expect((await show(id)).body).toEqual({
      itemNotFound: { code: 404, message: `Instance ${id} could not be found.` },
    });
  });

  test('gives a port that was there before back, and deletes one that Nova made', async () => {
    const own = await newPort();
    const id = await running({ networks: [{ port: own }, { uuid: network }] });
    const listed = await demo.neutron('GET', `/ports?device_id=${id}`);
    expect(listed.body).toMatchObject({
      ports: [
        { status: 'ACTIVE', device_owner: 'compute:nova' },
        { status: 'ACTIVE', device_owner: 'compute:nova' },
      ],
    });
    await remove(id);
    expect((await port(own)).body).toMatchObject({
      port: { device_id: '', device_owner: '', status: 'DOWN' },
    });
    expect((await demo.neutron('GET', `/ports?device_id=${id}`)).body).toEqual({ ports: [] });
    await demo.neutron('DELETE', `/ports/${own}`);
  });

  test('does not get a port that another server has', async () => {
    const own = await newPort();
    const id = await running({ networks: [{ port: own }] });
    const refused = await boot({ networks: [{ port: own }] });
    expect(refused.status).toBe(409);
    expect(refused.body).toEqual({
      conflictingRequest: { code: 409, message: `Port ${own} is still in use.` },
    });
    await remove(id);
    await demo.neutron('DELETE', `/ports/${own}`);
  });

  test('goes to ERROR when another server got its port first', async () => {
    await cloud.slow('server.create');
    const own = await newPort();
    const [first, second] = await Promise.all([
      boot({ networks: [{ port: own }] }),
      boot({ networks: [{ port: own }] }),
    ]);
    const [winner, loser] = [pick(first, 'server.id'), pick(second, 'server.id')];
    await until(() => show(winner), 'server.status', 'ACTIVE');
    await until(() => show(loser), 'server.status', 'ERROR');
    expect((await show(loser)).body).toMatchObject({
      server: { fault: { code: 500, message: `Port ${own} is still in use.` } },
    });
    await remove(loser);
    expect(pick(await port(own), 'port.device_id')).toBe(winner);
    await remove(winner);
    await demo.neutron('DELETE', `/ports/${own}`);
  });

  test('is put aside where the cloud keeps what was deleted, until it is deleted by force', async () => {
    await cloud.control('PUT', '/settings', { softDelete: 1 });
    const id = await running({ metadata: { kept: 'yes' } });
    const listed = async () => JSON.stringify((await demo.nova('GET', '/servers')).body);
    for (const round of ['first', 'second']) {
      expect((await demo.nova('DELETE', `/servers/${id}`)).status, round).toBe(204);
    }
    await until(() => show(id), 'server.status', 'SOFT_DELETED');
    expect(await listed()).not.toContain(id);
    expect((await act(id, { reboot: { type: 'HARD' } })).status).toBe(409);
    await act(id, { forceDelete: null });
    await untilGone(() => show(id));
  });

  test('can be deleted while it is built', async () => {
    await cloud.slow('server.create');
    const own = await newPort();
    const id = pick(await boot({ networks: [{ port: own }] }), 'server.id');
    await remove(id);
    expect(pick(await port(own), 'port.device_id')).toBe('');
    await demo.neutron('DELETE', `/ports/${own}`);
  });

  test('stops, starts and reboots, and refuses what its state does not allow', async () => {
    await cloud.slow('server.stop');
    await cloud.slow('server.reboot');
    const id = await running();
    expect((await act(id, { 'os-stop': null })).status).toBe(202);
    const early = await act(id, { reboot: { type: 'SOFT' } });
    expect(early.status).toBe(409);
    expect(pick(early, 'conflictingRequest.message')).toBe(
      `Cannot 'reboot' instance ${id} while it is in task_state powering-off`,
    );
    await until(() => show(id), 'server.status', 'SHUTOFF');
    expect((await act(id, { reboot: { type: 'SOFT' } })).status).toBe(409);
    await act(id, { 'os-start': null });
    await until(() => show(id), 'server.status', 'ACTIVE');
    await act(id, { reboot: { type: 'HARD' } });
    expect(pick(await show(id), 'server.status')).toBe('HARD_REBOOT');
    await until(() => show(id), 'server.status', 'ACTIVE');
    const asked = (await demo.nova('GET', `/servers/${id}/os-instance-actions`)).body;
    expect(asked).toMatchObject({
      instanceActions: ['reboot', 'start', 'stop', 'create'].map((action) => ({ action })),
    });
    await act(id, { reboot: { type: 'SOFT' } });
    expect((await act(id, { reboot: { type: 'SOFT' } })).status).toBe(409);
    // A soft one that does not end is ended by a hard one.
    expect((await act(id, { reboot: { type: 'HARD' } })).status).toBe(202);
    expect(pick(await show(id), 'server.status')).toBe('HARD_REBOOT');
    await until(() => show(id), 'server.status', 'ACTIVE');
    expect((await act(id, { 'os-getConsoleOutput': { length: 5 } })).body).toHaveProperty('output');
    expect((await act(id, { 'os-fly': {} })).status).toBe(400);
    await remove(id);
  });

  test('keeps metadata, which can be merged, replaced and removed key by key', async () => {
    const id = await running({ metadata: { a: '1', b: '2' } });
    const path = `/servers/${id}/metadata`;
    await demo.nova('POST', path, { metadata: { b: '3', c: '4' } });
    expect((await demo.nova('GET', path)).body).toEqual({ metadata: { a: '1', b: '3', c: '4' } });
    expect((await demo.nova('DELETE', `${path}/a`)).status).toBe(204);
    expect((await demo.nova('DELETE', `${path}/a`)).status).toBe(404);
    await demo.nova('PUT', path, { metadata: { d: '5' } });
    expect((await demo.nova('GET', path)).body).toEqual({ metadata: { d: '5' } });
    await remove(id);
  });

  test('made from a volume has it as its root, and takes it along when it goes', async () => {
    const disk = {
      boot_index: 0,
      uuid: image,
      source_type: 'image',
      destination_type: 'volume',
      volume_size: 1,
      delete_on_termination: true,
    };
    // The test's image is not a disk, so the volume cannot be filled from it.
    const id = pick(await boot({ imageRef: '', block_device_mapping_v2: [disk] }), 'server.id');
    await until(() => show(id), 'server.status', 'ERROR');
    expect(pick(await show(id), 'server.fault.message')).toContain('status is error');
    await remove(id);
    const blank = { ...disk, boot_index: null, uuid: null, source_type: 'blank' };
    const other = await running({ block_device_mapping_v2: [blank] });
    const attached = await demo.nova('GET', `/servers/${other}/os-volume_attachments`);
    const volume = pick(attached, 'volumeAttachments.0.volumeId');
    expect(pick(await demo.cinder('GET', `/volumes/${volume}`), 'volume.status')).toBe('in-use');
    await remove(other);
    await untilGone(() => demo.cinder('GET', `/volumes/${volume}`));
  });
});

describe('Nova refuses', () => {
  test.each([
    [
      'an unknown image',
      { imageRef: '11111111-1111-4111-8111-111111111111' },
      'Can not find requested image',
    ],
    ['an unknown flavor', { flavorRef: 'huge' }, 'Flavor huge could not be found.'],
    ['an unknown key', { key_name: 'nobody' }, 'Invalid key_name provided.'],
    [
      'an unknown network',
      { networks: [{ uuid: '11111111-1111-4111-8111-111111111111' }] },
      'Network 11111111-1111-4111-8111-111111111111 could not be found.',
    ],
    [
      'an unknown port',
      { networks: [{ port: '11111111-1111-4111-8111-111111111111' }] },
      'Port id 11111111-1111-4111-8111-111111111111 could not be found.',
    ],
    ['an unknown group', { security_groups: [{ name: 'none' }] }, 'Security group none not found.'],
    [
      'an unknown zone',
      { availability_zone: 'mars' },
      'The requested availability zone is not available',
    ],
    ['nothing to boot from', { imageRef: '' }, 'Block Device Mapping is Invalid'],
    ['user data that is not base64', { user_data: '#!/bin/sh' }, 'user_data'],
  ])('%s', async (_, changes, message) => {
    const refused = await boot(changes);
    expect(refused.status).toBe(400);
    expect(pick(refused, 'badRequest.message')).toContain(message);
  });

  test('a server without networks since 2.37, and takes the only one before', async () => {
    expect((await boot({ networks: undefined })).status).toBe(400);
    const old = await boot({ networks: undefined }, { 'openstack-api-version': 'compute 2.36' });
    expect(old.status).toBe(202);
    await remove(pick(old, 'server.id'));
  });

  test('more than the quota allows, naming each resource', async () => {
    const id = await running();
    const limits = { instances: 1, cores: 1 };
    await cloud.control('PUT', '/quotas', { project: 'demo', service: 'compute', limits });
    const refused = await boot();
    expect(refused.status).toBe(403);
    expect(pick(refused, 'forbidden.message')).toBe(
      'Quota exceeded for cores, instances: Requested 1, 1, but already used 1, 1 of 1, 1 cores, instances',
    );
    const back = { instances: 10, cores: 20 };
    await cloud.control('PUT', '/quotas', { project: 'demo', service: 'compute', limits: back });
    await remove(id);
  });

  test("others' servers, as if there were none", async () => {
    const id = await running();
    const hawser = await cloud.as('hawser');
    const made = await hawser.nova('POST', '/servers', {
      server: { name: 'other', imageRef: image, flavorRef: '100', networks: 'none' },
    });
    const other = pick(made, 'server.id');
    for (const method of ['GET', 'DELETE'] as const) {
      expect((await demo.nova(method, `/servers/${other}`)).status).toBe(404);
    }
    expect((await demo.nova('GET', '/servers')).text).not.toContain(other);
    expect((await admin.nova('GET', '/servers?all_tenants=1')).text).toContain(other);
    expect((await admin.nova('GET', '/servers')).text).not.toContain(other);
    expect((await admin.nova('DELETE', `/servers/${other}`)).status).toBe(204);
    await remove(id);
  });
});

describe('microversions', () => {
  test('are told in both headers, and refused when out of range', async () => {
    const told = await demo.nova('GET', '/flavors');
    expect(told.headers['openstack-api-version']).toBe('compute 2.60');
    expect(told.headers['x-openstack-nova-api-version']).toBe('2.60');
    const latest = await demo.nova('GET', '/flavors', undefined, {
      'openstack-api-version': 'compute latest',
    });
    expect(latest.headers['openstack-api-version']).toBe('compute 2.93');
    const tooNew = await demo.nova('GET', '/flavors', undefined, {
      'openstack-api-version': 'compute 2.999',
    });
    expect(tooNew.status).toBe(406);
    const legacy = await demo.nova('GET', '/flavors', undefined, {
      'openstack-api-version': '',
      'x-openstack-nova-api-version': '2.30',
    });
    expect(legacy.headers['x-openstack-nova-api-version']).toBe('2.30');
  });

  test('change what a server shows', async () => {
    const id = await running();
    const at = async (version: string) =>
      (
        await admin.nova('GET', `/servers/${id}`, undefined, {
          'openstack-api-version': `compute ${version}`,
        })
      ).body;
    expect(await at('2.46')).toMatchObject({ server: { flavor: { id: '100' } } });
    expect(await at('2.47')).toMatchObject({
      server: { flavor: { original_name: 'manila', ram: 512 } },
    });
    expect(await at('2.1')).not.toHaveProperty('server.locked');
    expect(await at('2.15')).not.toHaveProperty('server.host_status');
    expect(await at('2.16')).toHaveProperty('server.host_status', 'UP');
    expect(await at('2.18')).not.toHaveProperty('server.description');
    expect(await at('2.26')).toHaveProperty('server.tags', []);
    expect((await demo.nova('GET', `/servers/${id}`)).body).not.toHaveProperty(
      'server.host_status',
    );
    await remove(id);
  });

  test('say what keypairs answer', async () => {
    const key = (name: string) => ({ keypair: { name } });
    const old = await demo.nova('POST', '/os-keypairs', key('a'), {
      'openstack-api-version': 'compute 2.1',
    });
    expect(old.status).toBe(200);
    expect(old.body).toHaveProperty('keypair.private_key');
    expect(old.body).not.toHaveProperty('keypair.type');
    const twice = await demo.nova('POST', '/os-keypairs', key('a'));
    expect(twice.status).toBe(409);
    expect(pick(twice, 'conflictingRequest.message')).toBe("Key pair 'a' already exists.");
    const without = await demo.nova('POST', '/os-keypairs', key('b'), {
      'openstack-api-version': 'compute 2.92',
    });
    expect(without.status).toBe(400);
    expect((await admin.nova('GET', '/os-keypairs/a')).status).toBe(404);
    expect((await demo.nova('DELETE', '/os-keypairs/a')).status).toBe(204);
    expect((await demo.nova('DELETE', '/os-keypairs/a')).status).toBe(404);
  });
});

describe('lists of servers', () => {
  test('match names as regular expressions, and come in pages', async () => {
    const ids = [];
    for (const name of ['web-1', 'web-2', 'db-1']) ids.push(await running({ name }));
    const names = async (query: string) =>
      [...(await demo.nova('GET', `/servers${query}`)).text.matchAll(/"name":"([^"]+)"/g)].map(
        ([, name]) => name,
      );
    expect(await names('?name=^web')).toEqual(['web-2', 'web-1']);
    expect(await names('?name=1$')).toEqual(['db-1', 'web-1']);
    expect(await names('?status=SHUTOFF')).toEqual([]);
    expect(await names('?limit=2')).toEqual(['db-1', 'web-2']);
    expect(await names(`?limit=2&marker=${ids[1]}`)).toEqual(['web-1']);
    const page = await demo.nova('GET', '/servers?limit=2');
    expect(pick(page, 'servers_links.0.href')).toContain(`marker=${ids[1]}`);
    for (const id of ids) await remove(id);
  });
});
