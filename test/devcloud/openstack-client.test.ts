import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import ssh2 from 'ssh2';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { OpenstackShell } from './openstack-shell.js';
import { startTestCloud, type TestCloud } from './test-cloud.js';

let cloud: TestCloud;
let shell: OpenstackShell;

beforeAll(async () => {
  cloud = await startTestCloud();
  shell = new OpenstackShell(cloud.cloudsYaml, 'demo');
});

afterAll(async () => {
  await shell?.close();
  await cloud?.remove();
});

const listed = z.array(z.record(z.string(), z.unknown()));
const namesIn = (document: unknown): unknown[] =>
  listed.parse(document).map((row) => row['Name'] ?? row['ID']);

const lists = {
  servers: '/servers/detail',
  volumes: '/volumes/detail',
  snapshots: '/snapshots/detail',
};
type Kind = keyof typeof lists;

/** Asked apart from the command line, which takes longer than what is waited for. */
const status = async (kind: Kind, name: string): Promise<string | undefined> => {
  const demo = await cloud.as('demo');
  const answer = await (kind === 'servers' ? demo.nova : demo.cinder)('GET', lists[kind]);
  const rows = z.object({ [kind]: listed }).parse(answer.body)[kind];
  const row = rows?.find((one) => one['name'] === name);
  return row && String(row['status']);
};
const settles = (kind: Kind, name: string, wanted: string | undefined) =>
  expect.poll(() => status(kind, name), { interval: 20, timeout: 10_000 }).toBe(wanted);

describe('the openstack command line', () => {
  test('finds what a new cloud has', async () => {
    const [images, flavors, networks, image, catalog] = await shell.run(
      'image list -f json',
      'flavor list -f json',
      'network list -f json',
      'image show manila-service-image -f json',
      'catalog list -f json',
    );
    expect(namesIn(images)).toEqual(['manila-service-image']);
    expect(namesIn(flavors)).toEqual(['m1.tiny', 'manila']);
    expect(new Set(namesIn(networks))).toEqual(new Set(['demo-net', 'public']));
    expect(image).toMatchObject({ status: 'active', disk_format: 'qcow2', visibility: 'public' });
    expect(namesIn(catalog)).toEqual(expect.arrayContaining(['keystone', 'nova', 'neutron']));
  });

  test('uploads an image, shows it, changes it and deletes it', async () => {
    const file = join(cloud.stateDir, 'some.img');
    await writeFile(file, 'x'.repeat(100_000));
    const [created, shown, saved] = await shell.run(
      `image create --file ${file} --disk-format raw --container-format bare --property a=b mine -f json`,
      'image show mine -f json',
      'image set --name ours --tag t mine',
      'image show ours -f json',
      'image delete ours',
    );
    expect(created).toMatchObject({ name: 'mine' });
    expect(shown).toMatchObject({ status: 'active', size: 100_000, properties: { a: 'b' } });
    expect(saved).toMatchObject({ name: 'ours', tags: ['t'] });
    expect(namesIn((await shell.run('image list -f json'))[0])).not.toContain('ours');
  });

  test('makes flavors as the administrator', async () => {
    const admin = new OpenstackShell(cloud.cloudsYaml, 'admin');
    const [created, , shown, after] = await admin.run(
      'flavor create --ram 256 --disk 3 --vcpus 2 small -f json',
      'flavor list -f json',
      'flavor show small -f json',
      'flavor delete small',
      'flavor list -f json',
    );
    await admin.close();
    expect(created).toMatchObject({ name: 'small', ram: 256, disk: 3, vcpus: 2 });
    expect(shown).toMatchObject(z.record(z.string(), z.unknown()).parse(created));
    expect(namesIn(after)).not.toContain('small');
  });

  test('makes networks, routers, groups and ports, and takes them down again', async () => {
    const made = await shell.run(
      'network create net -f json',
      'subnet create sub --network net --subnet-range 10.20.0.0/24 -f json',
      'router create gate -f json',
      'router add subnet gate sub',
      'security group create doors -f json',
      'security group rule create doors --protocol tcp --dst-port 22 --remote-ip 10.0.0.0/8 -f json',
      'port create plug --network net --security-group doors --fixed-ip subnet=sub,ip-address=10.20.0.9 -f json',
    );
    const [net, sub, gate, doors, rule, plug] = made;
    expect(net).toMatchObject({ name: 'net', status: 'ACTIVE', 'router:external': false });
    expect(sub).toMatchObject({ cidr: '10.20.0.0/24', gateway_ip: '10.20.0.1', enable_dhcp: true });
    expect(gate).toMatchObject({ name: 'gate', status: 'ACTIVE' });
    expect(doors).toMatchObject({ name: 'doors' });
    expect(rule).toMatchObject({ protocol: 'tcp', port_range_min: 22, direction: 'ingress' });
    expect(plug).toMatchObject({ status: 'DOWN', fixed_ips: [{ ip_address: '10.20.0.9' }] });

    const seen = await shell.run(
      'network show net -f json',
      'subnet show sub -f json',
      'router show gate -f json',
      'security group show doors -f json',
      'port show plug -f json',
      ...['network', 'subnet', 'router', 'security group', 'port'].map(
        (kind) => `${kind} list -f json`,
      ),
      'security group rule list doors -f json',
    );
    expect(seen[2]).toMatchObject({ interfaces_info: [{ ip_address: '10.20.0.1' }] });
    expect(seen[3]).toMatchObject({
      rules: expect.arrayContaining([expect.objectContaining({ protocol: 'tcp' })]),
    });
    expect(
      seen
        .slice(5, 10)
        .map((list, index) =>
          namesIn(list).includes(['net', 'sub', 'gate', 'doors', 'plug'][index]),
        ),
    ).toEqual([true, true, true, true, true]);
    expect(seen[10]).toHaveLength(3);

    const ruleId = z.object({ id: z.string() }).parse(rule).id;
    const after = await shell.run(
      'port delete plug',
      `security group rule delete ${ruleId}`,
      'security group delete doors',
      'router remove subnet gate sub',
      'router delete gate',
      'subnet delete sub',
      'network delete net',
      ...['network', 'subnet', 'router', 'security group'].map((kind) => `${kind} list -f json`),
    );
    expect(after.map((list) => namesIn(list))).toEqual([
      expect.not.arrayContaining(['net']),
      ['demo-subnet'],
      ['demo-router'],
      ['default'],
    ]);
  });

  test('boots a server, plugs a volume in, takes a snapshot, and deletes all of it', async () => {
    const key = join(cloud.stateDir, 'key.pub');
    await writeFile(key, ssh2.utils.generateKeyPairSync('rsa', { bits: 2048 }).public);
    const [keypair, keypairs, server, volume] = await shell.run(
      `keypair create --public-key ${key} mykey -f json`,
      'keypair list -f json',
      'server create --image manila-service-image --flavor manila --network demo-net --key-name mykey --property a=b box -f json',
      'volume create --size 2 --property c=d disk -f json',
      'keypair show mykey -f json',
    );
    expect(keypair).toMatchObject({ name: 'mykey', type: 'ssh' });
    expect(namesIn(keypairs)).toEqual(['mykey']);
    expect(server).toMatchObject({
      name: 'box',
      status: 'BUILD',
      key_name: 'mykey',
      properties: { a: 'b' },
    });
    expect(volume).toMatchObject({
      name: 'disk',
      size: 2,
      status: 'creating',
      properties: { c: 'd' },
    });
    await settles('volumes', 'disk', 'available');
    await settles('servers', 'box', 'ACTIVE');

    const [attached] = await shell.run('server add volume box disk -f json');
    expect(attached).toMatchObject({ Device: '/dev/vdb' });
    await settles('volumes', 'disk', 'in-use');

    const [shown, volumes, servers, mappings] = await shell.run(
      'server show box -f json',
      'volume list -f json',
      'server list -f json',
      'server volume list box -f json',
      'volume set --size 3 disk',
    );
    const { id } = z.object({ id: z.string() }).parse(volume);
    expect(shown).toMatchObject({
      volumes_attached: [{ id, delete_on_termination: false }],
      addresses: { 'demo-net': [expect.stringMatching(/^10\.10\.0\.\d+$/)] },
    });
    expect(volumes).toMatchObject([
      { Name: 'disk', Status: 'in-use', 'Attached to': [{ device: '/dev/vdb' }] },
    ]);
    expect(servers).toMatchObject([
      { Name: 'box', Status: 'ACTIVE', Image: 'manila-service-image' },
    ]);
    expect(mappings).toMatchObject([{ 'Volume ID': id }]);
    await settles('volumes', 'disk', 'in-use');
    await shell.run('server remove volume box disk');
    await settles('volumes', 'disk', 'available');

    const [snapshot] = await shell.run('volume snapshot create --volume disk shot -f json');
    expect(snapshot).toMatchObject({ name: 'shot', status: 'creating', volume_id: id });
    await settles('snapshots', 'shot', 'available');

    const [snapshots, shot] = await shell.run(
      'volume snapshot list -f json',
      'volume snapshot show shot -f json',
      'volume snapshot delete shot',
    );
    expect(namesIn(snapshots)).toEqual(['shot']);
    expect(shot).toMatchObject({ size: 3, status: 'available' });
    await settles('snapshots', 'shot', undefined);

    const [grown] = await shell.run(
      'volume show disk -f json',
      'volume delete disk',
      'server delete box',
      'keypair delete mykey',
    );
    expect(grown).toMatchObject({ size: 3, attachments: [] });
    await settles('servers', 'box', undefined);
    await settles('volumes', 'disk', undefined);
    expect(
      await shell.run(
        'server list -f json',
        'volume list -f json',
        'keypair list -f json',
        'port list --device-owner compute:nova -f json',
      ),
    ).toEqual([[], [], [], []]);
  });
});
