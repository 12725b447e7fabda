import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import type { NewServer } from '../../openstack/compute.js';
import { listAll } from '../../openstack/paging.js';
import { generateHostKey } from '../../ssh/host-key.js';
import {
  connectAs,
  eventually,
  newName,
  rawAs,
  refusal,
  refusalOf,
  undoAfterAll,
  unknownId,
  untilGone,
  valuesUntil,
} from './clouds.js';
import { networkThings } from './network-things.js';
import { setQuota } from './quotas.js';
import { makeThrowAwayProject, type ThrowAwayProject } from './throw-away-project.js';

const demo = connectAs('demo');
const hawser = connectAs('hawser');
const admin = connectAs('admin');
const { compute: nova } = demo;
const later = undoAfterAll();

let imageId: string;
/** Larger than any host: servers of it end in ERROR without a machine. */
let hugeFlavorId: string;
let portId: string;
let throwAway: ThrowAwayProject;

const statusOf = (id: string) => async () => (await nova.findServer(id))?.status;

beforeAll(async () => {
  const [image] = await demo.image.findImages({ name: 'manila-service-image' });
  imageId = image?.id ?? '';
  hugeFlavorId = newName('flavor');
  await admin.session.send({
    service: 'compute',
    method: 'POST',
    path: '/flavors',
    body: { flavor: { id: hugeFlavorId, name: hugeFlavorId, vcpus: 1, ram: 512, disk: 1_000_000 } },
  });
  const path = `/flavors/${hugeFlavorId}`;
  later(() => admin.session.send({ service: 'compute', method: 'DELETE', path }));
  const things = networkThings(demo, later);
  const { id: networkId } = await things.network();
  await things.subnet(networkId, '10.90.0.0/28');
  portId = (await things.port(networkId)).id;
  throwAway = await makeThrowAwayProject(admin, later);
});

/** A server that nobody hosts, so that several can ask for the same port. */
async function createServer(more: Partial<NewServer> = {}): Promise<string> {
  const name = newName('server');
  const spec = { name, imageId, flavorId: hugeFlavorId, portIds: [portId], ...more };
  const { id } = await nova.createServer(spec);
  onTestFinished(async () => {
    await nova.deleteServer(id);
    await untilGone(statusOf(id));
  });
  return id;
}

describe('microversions', () => {
  const headers = (version: string) => ({ 'openstack-api-version': `compute ${version}` });

  test('cover the one that the client asks for, and are named in the answer', async () => {
    const { get } = await rawAs('demo');
    const answer = await get('compute', '/servers', headers('2.60'));
    expect(answer.status).toBe(200);
    expect(answer.header('openstack-api-version')).toBe('compute 2.60');
    expect(answer.header('x-openstack-nova-api-version')).toBe('2.60');
  });

  test('that are too new are refused with 406', async () => {
    const { get } = await rawAs('demo');
    expect((await get('compute', '/servers', headers('2.999'))).status).toBe(406);
  });

  test('have a range that the root tells', async () => {
    const { get } = await rawAs('demo');
    const schema = z.object({
      version: z.object({ version: z.string(), min_version: z.string() }),
    });
    const answer = await get('compute', '/');
    const { version } = schema.parse(JSON.parse(answer.text));
    const minor = (text: string) => Number(/^2\.(\d+)$/.exec(text)?.[1]);
    expect(minor(version.min_version)).toBeLessThanOrEqual(60);
    expect(minor(version.version)).toBeGreaterThanOrEqual(60);
  });
});

describe('what is not there', () => {
  test('is answered with 404, and its deletion counts as done', async () => {
    expect(await refusal(nova.getServer(unknownId))).toBe('404 itemNotFound');
    expect(await refusal(nova.getFlavor('no-such-flavor'))).toBe('404 itemNotFound');
    expect(await refusal(nova.listAttachments(unknownId))).toBe('404 itemNotFound');
    expect(await refusal(nova.attachVolume(unknownId, unknownId))).toBe('404 itemNotFound');
    expect(await refusal(nova.rebootServer(unknownId, 'HARD'))).toBe('404 itemNotFound');
    expect(await nova.findKeypair(newName('key'))).toBeUndefined();
    expect(await nova.findAttachment(unknownId, unknownId)).toBeUndefined();
    await nova.deleteServer(unknownId);
    await nova.deleteKeypair(newName('key'));
    await nova.detachVolume(unknownId, unknownId);
  });

  test('is nothing that a server could be made of: 400', async () => {
    expect(await refusal(createServer({ imageId: unknownId }))).toBe('400 badRequest');
    expect(await refusal(createServer({ flavorId: 'no-such' }))).toBe('400 badRequest');
    expect(await refusal(createServer({ keyName: 'no-such' }))).toBe('400 badRequest');
    expect(await refusal(createServer({ portIds: [unknownId] }))).toBe('400 badRequest');
    expect(await refusal(createServer({ availabilityZone: 'mars' }))).toBe('400 badRequest');
  });
});

describe('a flavor', () => {
  test('is found by its id and by its name', async () => {
    const byId = await nova.findFlavor('100');
    expect(byId).toMatchObject({ id: '100', name: 'manila', vcpus: 1, ramMib: 512, diskGib: 2 });
    expect(await nova.findFlavor('manila')).toEqual(byId);
  });
});

describe('a keypair', () => {
  const create = async (name: string, publicKey: string, from = demo) => {
    const made = await from.compute.createKeypair({ name, publicKey });
    onTestFinished(() => from.compute.deleteKeypair(name));
    return made;
  };

  test('keeps the key as it was given', async () => {
    const { publicKey } = generateHostKey();
    const name = newName('key');
    const made = await create(name, publicKey);
    expect(made).toMatchObject({ name, publicKey });
    // Nova says when it was made only to who asks for it by name.
    expect(await nova.findKeypair(name)).toEqual({ ...made, createdAt: expect.any(String) });
    await nova.deleteKeypair(name);
    expect(await nova.findKeypair(name)).toBeUndefined();
  });

  test('has a name of its own among those of its user: 409', async () => {
    const name = newName('key');
    const { publicKey } = generateHostKey();
    await create(name, publicKey);
    expect(await refusal(create(name, publicKey))).toBe('409 conflictingRequest');
    expect(await refusal(create(name, generateHostKey().publicKey))).toBe('409 conflictingRequest');
    expect(await create(name, publicKey, hawser)).toMatchObject({ name });
  });

  test('may be named as service instances are, but not with other characters', async () => {
    const { publicKey } = generateHostKey();
    const name = `${newName('key')}-service-instance-generic_1-${unknownId}-0`;
    expect(await create(name, publicKey)).toMatchObject({ name });
    expect(await refusal(create('contract/key', publicKey))).toBe('400 badRequest');
    expect(await refusal(create('k'.repeat(256), publicKey))).toBe('400 badRequest');
  });

  test('is refused when it is none: 400', async () => {
    expect(await refusal(create(newName('key'), 'ssh-ed25519 nonsense'))).toBe('400 badRequest');
  });
});

describe('a server that no host has room for', () => {
  test('goes from BUILD to ERROR, and says why', async () => {
    const metadata = { 'hawser:instance_id': 'i', 'hawser:backend': 'generic' };
    const name = newName('server');
    const id = await createServer({ name, metadata });
    const seen = await valuesUntil('ERROR', statusOf(id));
    expect(['BUILD', 'ERROR']).toEqual(expect.arrayContaining(seen));
    expect(await nova.getServer(id)).toMatchObject({ name, metadata, taskState: null });
    const { fault } = await nova.getServer(id);
    expect(fault?.code).toBe(500);
    expect(fault?.message).toContain('No valid host was found');
  });

  test('leaves its port free for another', async () => {
    const id = await createServer();
    await eventually(statusOf(id)).toBe('ERROR');
    const free = { deviceId: '', deviceOwner: '' };
    await eventually(() => demo.network.getPort(portId)).toMatchObject(free);
    await nova.deleteServer(id);
    await untilGone(statusOf(id));
    expect(await demo.network.getPort(portId)).toMatchObject(free);
  });

  test('has room for metadata and a name of 255 characters, and for no more: 400', async () => {
    const long = 'x'.repeat(256);
    const refused = (more: Partial<NewServer>) => refusal(createServer(more));
    expect(await refused({ metadata: { key: long } })).toBe('400 badRequest');
    expect(await refused({ metadata: { [long]: 'value' } })).toBe('400 badRequest');
    expect(await refused({ name: long })).toBe('400 badRequest');
    const fitting = 'x'.repeat(255);
    const metadata = { [fitting]: fitting };
    const id = await createServer({ name: fitting, metadata });
    expect(await nova.getServer(id)).toMatchObject({ name: fitting, metadata });
  });

  test('does not take new metadata: 409', async () => {
    const id = await createServer();
    await eventually(statusOf(id)).toBe('ERROR');
    const change = nova.updateServerMetadata(id, { new: '1' });
    expect(await refusal(change)).toBe('409 conflictingRequest');
  });
});

test('a server that is still being built can be deleted, and gives its port back', async () => {
  const id = await createServer({ flavorId: '100', configDrive: true });
  await nova.deleteServer(id);
  await untilGone(statusOf(id));
  const free = { deviceId: '', deviceOwner: '', status: 'DOWN' };
  await eventually(() => demo.network.getPort(portId)).toMatchObject(free);
});

describe('a list of servers', () => {
  const list = (query: Record<string, string>, from = demo) =>
    listAll(
      from.session,
      { service: 'compute', path: '/servers/detail', query, microversion: '2.60' },
      'servers',
      z.object({ id: z.string() }),
    );
  const ids = (servers: { id: string }[]) => servers.map(({ id }) => id).sort();

  test('takes the name for a regular expression, and names are not unique', async () => {
    const name = newName('twin');
    const twins = [await createServer({ name }), await createServer({ name })];
    const longer = await createServer({ name: `a-${name}-longer` });
    const all = [...twins, longer].sort();
    expect(ids(await list({ name }))).toEqual(all);
    expect(ids(await list({ name: `^${name}$` }))).toEqual([...twins].sort());
    expect(ids(await nova.listServers({ name }))).toEqual([...twins].sort());
    expect(ids(await nova.listServers({ nameContains: name }))).toEqual(all);
    expect(ids(await list({ name, limit: '1' }))).toEqual(all);
  });

  test("has other projects' only for an administrator who asks for all_tenants", async () => {
    const name = newName('whose');
    const id = await createServer({ name });
    expect(await list({ name }, hawser)).toEqual([]);
    expect(await list({ name, all_tenants: '1' }, hawser)).toEqual([{ id }]);
    expect(await refusal(throwAway.cloud.compute.getServer(id))).toBe('404 itemNotFound');
  });
});

test('a quota that is used up is refused with 403, and words that name it', async () => {
  const { cloud, projectId } = throwAway;
  await setQuota(admin, { service: 'compute', projectId, limits: { instances: 0, key_pairs: 0 } });
  const things = networkThings(cloud);
  const { id } = await things.network();
  await things.subnet(id, '10.92.0.0/28');
  const portIds = [(await things.port(id)).id];
  const server = { name: newName('server'), imageId, flavorId: '100', portIds };
  const error = await refusalOf(cloud.compute.createServer(server));
  expect(error).toMatchObject({ status: 403, code: 'forbidden' });
  expect(error.reason).toContain('Quota exceeded for instances');
  const key = { name: newName('key'), publicKey: generateHostKey().publicKey };
  expect(await refusal(cloud.compute.createKeypair(key))).toBe('403 forbidden');
});
