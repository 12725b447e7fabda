import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { UnexpectedAnswer } from '../../openstack/errors.js';
import { type Cloud, connectCloud } from '../../openstack/index.js';
import { path } from '../../openstack/query.js';
import { FakeCloud, PROJECT_ID } from './fake-cloud.js';

const SERVERS = '/compute/v2.1/servers';
const VOLUMES = `/block-storage/v3/${PROJECT_ID}/volumes`;

let fake: FakeCloud;
let cloud: Cloud;

const server = (id: string, name = id) => ({
  id,
  name,
  status: 'ACTIVE',
  metadata: {},
  created: '2026-11-22T10:00:00Z',
  addresses: {},
});

const volume = (id: string, name: string, metadata: Record<string, string> = {}) => ({
  id,
  name,
  status: 'available',
  size: 1,
  metadata,
  attachments: [],
  created_at: '2026-11-22T10:00:00.000000',
});

const network = (id: string, name: string, more: Record<string, unknown> = {}) => ({
  id,
  name,
  status: 'ACTIVE',
  project_id: PROJECT_ID,
  ...more,
});

const sent = (call: string): unknown => JSON.parse(fake.calls(call).at(-1)?.body ?? 'null');

beforeEach(async () => {
  fake = await FakeCloud.start();
  cloud = connectCloud(fake.config());
});

afterEach(async () => {
  await cloud.session.close();
  await fake.close();
});

describe('a thing', () => {
  const gone = { itemNotFound: { code: 404, message: 'Instance s1 could not be found.' } };

  test('is there when the service says only once that it is not', async () => {
    let asked = 0;
    fake.on(`GET ${SERVERS}/s1`, () => {
      asked += 1;
      return asked === 1 ? { status: 404, json: gone } : { json: { server: server('s1') } };
    });
    expect(await cloud.compute.findServer('s1')).toMatchObject({ id: 's1' });
    expect(asked).toBe(2);
  });

  test('of Glance, too, is there, and so are its lists', async () => {
    const id = '1';
    const image = {
      id,
      status: 'active',
      visibility: 'public',
      created_at: '2026-11-22T10:00:00Z',
    };
    const asked = new Map<string, number>();
    const secondTime = (url: string, json: object) =>
      fake.on(`GET ${url}`, () => {
        asked.set(url, (asked.get(url) ?? 0) + 1);
        return asked.get(url) === 1 ? { status: 404, json: gone } : { json };
      });
    secondTime('/image/v2/images/1', image);
    secondTime('/image/v2/images', { images: [{ ...image, name: 'debian' }] });
    expect(await cloud.image.getImage(id)).toMatchObject({ id });
    expect(await cloud.image.findImages({ name: 'debian' })).toMatchObject([{ id }]);
    expect([...asked.values()]).toEqual([2, 2]);
  });

  test('is gone when the service says so twice', async () => {
    fake.on(`GET ${SERVERS}/s1`, { status: 404, json: gone });
    expect(await cloud.compute.findServer('s1')).toBeUndefined();
    expect(fake.calls(`GET ${SERVERS}/s1`)).toHaveLength(2);
  });
});

describe('lists', () => {
  const page = (ids: string[], next?: string) => ({
    servers: ids.map((id) => server(id)),
    ...(next === undefined ? {} : { servers_links: [{ rel: 'next', href: next }] }),
  });

  test('are read to their last page, whatever host the links name', async () => {
    fake.on(`GET ${SERVERS}/detail`, ({ query }) => {
      const inner = 'http://nova-internal:8774/v2.1/servers/detail?limit=2&marker=';
      if (query.get('marker') === 'b') return { json: page(['c', 'd'], `${inner}d`) };
      if (query.get('marker') === 'd') return { json: page(['e']) };
      return { json: page(['a', 'b'], `${inner}b`) };
    });
    const servers = await cloud.compute.listServers();
    expect(servers.map(({ id }) => id)).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(fake.calls(`GET ${SERVERS}/detail`).at(-1)?.query.get('limit')).toBe('2');
  });

  test('of Glance go on at "next"', async () => {
    const image = (id: string) => ({
      id,
      name: 'debian',
      status: 'active',
      visibility: 'public',
      created_at: '2026-11-22T10:00:00Z',
    });
    fake.on('GET /image/v2/images', ({ query }) =>
      query.has('marker')
        ? { json: { images: [image('2')] } }
        : { json: { images: [image('1')], next: '/v2/images?name=debian&marker=1' } },
    );
    const images = await cloud.image.findImages({ name: 'debian' });
    expect(images.map(({ id }) => id)).toEqual(['1', '2']);
  });

  test('that lead in a circle are an error, not an endless loop', async () => {
    fake.on(`GET ${SERVERS}/detail`, { json: page(['a'], 'http://x/?marker=a') });
    const error: unknown = await cloud.compute.listServers().catch((one: unknown) => one);
    expect(error).toBeInstanceOf(UnexpectedAnswer);
    expect(fake.calls(`GET ${SERVERS}/detail`)).toHaveLength(2);
  });

  test('of more things than a function takes arguments are read whole', async () => {
    const one = () => ({ serverId: 's1', volumeId: 'v1' });
    const volumeAttachments = Array.from({ length: 200_000 }, one);
    fake.on(`GET ${SERVERS}/s1/os-volume_attachments`, { json: { volumeAttachments } });
    expect(await cloud.compute.listAttachments('s1')).toHaveLength(200_000);
  });

  test('with something else in them are an error', async () => {
    for (const json of [{}, { servers: {} }, { servers: [{ id: 1 }] }, []]) {
      fake.on(`GET ${SERVERS}/detail`, { json });
      await expect(cloud.compute.listServers()).rejects.toBeInstanceOf(UnexpectedAnswer);
    }
  });
});

describe('Nova', () => {
  test('is asked for a name that is no regular expression, and compared', async () => {
    const name = 'a.b*(c)[d]$';
    fake.on(`GET ${SERVERS}/detail`, {
      json: { servers: [server('1', name), server('2', 'aXb*(c)[d]$')] },
    });
    const servers = await cloud.compute.listServers({ name });
    expect(servers.map(({ id }) => id)).toEqual(['1']);
    const { query } = fake.calls(`GET ${SERVERS}/detail`)[0] ?? {};
    expect(query?.get('name')).toBe(String.raw`^a\.b\*\(c\)\[d\]\$$`);
    expect(new RegExp(query?.get('name') ?? '').test(name)).toBe(true);
  });

  test('gets a server whole in one request', async () => {
    fake.on(`POST ${SERVERS}`, { status: 202, json: { server: { id: 's1', adminPass: 'x' } } });
    const made = await cloud.compute.createServer({
      name: 'one',
      imageId: 'i',
      flavorId: 'f',
      portIds: ['p1', 'p2'],
      keyName: 'k',
      userData: '#cloud-config\nä',
      configDrive: true,
      metadata: { 'hawser:instance_id': '1' },
    });
    expect(made).toEqual({ id: 's1' });
    expect(sent(`POST ${SERVERS}`)).toEqual({
      server: {
        name: 'one',
        imageRef: 'i',
        flavorRef: 'f',
        networks: [{ port: 'p1' }, { port: 'p2' }],
        key_name: 'k',
        user_data: Buffer.from('#cloud-config\nä').toString('base64'),
        config_drive: true,
        metadata: { 'hawser:instance_id': '1' },
      },
    });
  });

  test('tells of a failed server why it failed, and of statuses nobody knows', async () => {
    const fault = { code: 500, message: 'No valid host was found.', created: 'x' };
    fake.on(`GET ${SERVERS}/s1`, {
      json: {
        server: {
          ...server('s1'),
          status: 'ENCHANTED',
          'OS-EXT-STS:task_state': 'spawning',
          fault,
          key_name: 'k',
          addresses: {
            net: [{ addr: '10.0.0.4', version: 4, 'OS-EXT-IPS-MAC:mac_addr': 'fa:16' }],
          },
        },
      },
    });
    expect(await cloud.compute.getServer('s1')).toEqual({
      id: 's1',
      name: 's1',
      status: 'ENCHANTED',
      taskState: 'spawning',
      fault: { code: 500, message: 'No valid host was found.' },
      metadata: {},
      createdAt: '2026-11-22T10:00:00Z',
      keyName: 'k',
      addresses: [{ network: 'net', address: '10.0.0.4', macAddress: 'fa:16' }],
    });
  });

  test('is believed when it says "not found", a proxy is not', async () => {
    fake.on(`GET ${SERVERS}/gone`, {
      status: 404,
      json: { itemNotFound: { code: 404, message: 'Instance gone could not be found.' } },
    });
    fake.on(`DELETE ${SERVERS}/gone`, {
      status: 404,
      json: { itemNotFound: { code: 404, message: 'Instance gone could not be found.' } },
    });
    fake.on(`GET ${SERVERS}/lost`, { status: 404, text: '<title>404 Not Found</title>' });
    fake.on(`DELETE ${SERVERS}/lost`, { status: 404, text: '<title>404 Not Found</title>' });
    expect(await cloud.compute.findServer('gone')).toBeUndefined();
    await cloud.compute.deleteServer('gone');
    await expect(cloud.compute.findServer('lost')).rejects.toMatchObject({ status: 404 });
    await expect(cloud.compute.deleteServer('lost')).rejects.toMatchObject({ status: 404 });
  });
});

describe('Cinder', () => {
  test('that ignores a filter does not widen what is listed', async () => {
    fake.on(`GET ${VOLUMES}/detail`, {
      json: {
        volumes: [
          volume('1', 'v', { share: 'a', x: 'y' }),
          volume('2', 'v', { share: 'b' }),
          volume('3', 'w', { share: 'a' }),
        ],
      },
    });
    const ids = async (filter: Parameters<typeof cloud.blockStorage.listVolumes>[0]) =>
      (await cloud.blockStorage.listVolumes(filter)).map(({ id }) => id);
    expect(await ids({ name: 'v', metadata: { share: 'a' } })).toEqual(['1']);
    expect(fake.calls(`GET ${VOLUMES}/detail`)[0]?.query.get('metadata')).toBe('{"share":"a"}');
    expect(await ids({ name: 'v' })).toEqual(['1', '2']);
    expect(await ids({})).toEqual(['1', '2', '3']);
  });

  test('is spoken to in the microversion that extends volumes in use', async () => {
    fake.on(`POST ${VOLUMES}/1/action`, { status: 202 });
    await cloud.blockStorage.extendVolume('1', 7);
    const [call] = fake.calls(`POST ${VOLUMES}/1/action`);
    expect(call?.headers['openstack-api-version']).toBe('volume 3.42');
    expect(JSON.parse(call?.body ?? '')).toEqual({ 'os-extend': { new_size: 7 } });
  });
});

describe('Neutron', () => {
  test('that ignores a filter does not widen what is listed', async () => {
    fake.on('GET /network/v2.0/networks', {
      json: {
        networks: [
          network('1', 'a', { 'router:external': true }),
          network('2', 'b'),
          network('3', 'a', { project_id: 'other' }),
          network('4', 'c', { 'router:external': true }),
        ],
      },
    });
    const ids = async (filter: Parameters<typeof cloud.network.listNetworks>[0]) =>
      (await cloud.network.listNetworks(filter)).map(({ id }) => id);
    expect(await ids({ name: 'a', project_id: PROJECT_ID })).toEqual(['1']);
    expect(await ids({ name: ['a', 'b'] })).toEqual(['1', '2', '3']);
    expect(fake.seen.at(-1)?.query.getAll('name')).toEqual(['a', 'b']);
    expect(await ids({ 'router:external': true })).toEqual(['1', '4']);
    expect(await ids({ name: undefined })).toEqual(['1', '2', '3', '4']);
  });

  test('may leave out what an extension would add', async () => {
    fake.on('GET /network/v2.0/networks/1', { json: { network: network('1', 'a') } });
    expect(await cloud.network.getNetwork('1')).toEqual({
      id: '1',
      name: 'a',
      description: '',
      projectId: PROJECT_ID,
      tags: [],
      createdAt: '',
      status: 'ACTIVE',
      shared: false,
      mtu: null,
      subnets: [],
      external: false,
    });
  });

  test('gets ports with its own names for things', async () => {
    fake.on('POST /network/v2.0/ports', { status: 201, json: { port: {} } });
    const port = {
      name: 'p',
      networkId: 'n',
      fixedIps: [{ subnetId: 's', ipAddress: '10.0.0.4' }],
      securityGroupIds: ['g'],
    };
    await expect(cloud.network.createPort(port)).rejects.toBeInstanceOf(UnexpectedAnswer);
    expect(sent('POST /network/v2.0/ports')).toEqual({
      port: {
        name: 'p',
        network_id: 'n',
        fixed_ips: [{ subnet_id: 's', ip_address: '10.0.0.4' }],
        security_groups: ['g'],
      },
    });
  });
});

describe('Glance', () => {
  test('gets an image’s data as it is', async () => {
    const call = 'PUT /image/v2/images/1/file';
    fake.on(call, { status: 204 });
    await cloud.image.uploadImage('1', Readable.from([Buffer.from('qc'), Buffer.from('ow')]), 4);
    expect(fake.calls(call)[0]).toMatchObject({
      body: 'qcow',
      headers: { 'content-type': 'application/octet-stream', 'content-length': '4' },
    });
  });

  test('may say in its own form of JSON that an image is gone', async () => {
    const call = 'DELETE /image/v2/images/1';
    // Its pages are for those who do not ask for JSON.
    const message = 'Failed to find image 1 to delete<br /><br />\n\n\n';
    fake.on(call, { status: 404, json: { message, code: '404 Not Found', title: 'Not Found' } });
    await cloud.image.deleteImage('1');
    expect(fake.calls(call)[0]?.headers.accept).toBe('application/json');
  });
});

describe('an answer that would be taken for another thing is refused', () => {
  const subnet = { project_id: PROJECT_ID, network_id: 'n1', enable_dhcp: true, ip_version: 4 };
  const port = {
    id: 'p1',
    project_id: PROJECT_ID,
    network_id: 'n1',
    mac_address: 'fa:16:3e:00:00:01',
    status: 'ACTIVE',
    admin_state_up: true,
  };
  const fixed = (address: string) => ({ fixed_ips: [{ subnet_id: 'b1', ip_address: address }] });

  test.each([
    ['an empty id', { ...port, id: '' }, 'id expected'],
    ['an id that leads elsewhere', { ...port, id: '..' }, 'id expected'],
    ['an id that is an option', { ...port, id: '-rf' }, 'id expected'],
    ['an address that is an option', { ...port, ...fixed('-j') }, 'IP address expected'],
    ['more than an address', { ...port, ...fixed('10.0.0.5 dev lo') }, 'IP address expected'],
    ['an address with a zone', { ...port, ...fixed('fe80::1%eth0') }, 'IP address expected'],
    ['a word for a MAC address', { ...port, mac_address: 'random' }, 'MAC address expected'],
    ['a time that is none', { ...port, created_at: 'soon' }, 'time expected'],
  ])('%s', async (_what, answer, reason) => {
    fake.on('GET /network/v2.0/ports', { json: { ports: [answer] } });
    const error: unknown = await cloud.network.listPorts().catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(UnexpectedAnswer);
    expect(String(error)).toContain(reason);
  });

  test.each(['10.0.0.0', '10.0.0.0/33', '10.0.0.0/-1', 'fd00::/129', 'any/24', '/24', '::/0/1'])(
    'prefix %s',
    async (cidr) => {
      fake.on('GET /network/v2.0/subnets', { json: { subnets: [{ ...subnet, id: 'b1', cidr }] } });
      await expect(cloud.network.listSubnets()).rejects.toThrow('prefix expected');
    },
  );

  test('a size that no volume has, and a time that no sweep can read', async () => {
    for (const more of [{ size: 1.5 }, { created_at: 'soon' }, { id: 'a\nb' }]) {
      fake.on(`GET ${VOLUMES}/v1`, { json: { volume: { ...volume('v1', 'n'), ...more } } });
      await expect(cloud.blockStorage.getVolume('v1')).rejects.toThrow(UnexpectedAnswer);
    }
  });
});

describe('a path', () => {
  test('escapes what stands in it', () => {
    expect(path`/os-keypairs/${'a/b ?#ä'}`).toBe('/os-keypairs/a%2Fb%20%3F%23%C3%A4');
  });

  test.each(['', '.', '..', '\ud800'])(
    'refuses "%s", which would name something else',
    async (id) => {
      expect(() => path`/servers/${id}`).toThrow(TypeError);
      await expect(cloud.compute.deleteServer(id)).rejects.toThrow('is no id');
      expect(fake.seen).toEqual([]);
    },
  );
});
