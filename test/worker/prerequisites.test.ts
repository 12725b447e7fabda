import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { openCloud } from '../../dev/cloud.js';
import type { Cloud } from '../../openstack/index.js';
import { generateHostKey } from '../../ssh/host-key.js';
import { loadConfig } from '../../worker/config.js';
import type { Finding, Scene } from '../../worker/prerequisites/finding.js';
import { checkPrerequisites } from '../../worker/prerequisites/index.js';
import { checkAdminNetwork, checkServiceAddresses } from '../../worker/prerequisites/networks.js';
import { checkExistingServer, checkImage } from '../../worker/prerequisites/servers.js';
import { checkBaseBootVolume } from '../../worker/prerequisites/volumes.js';
import { hawser } from '../client/command-line.js';
import { startTestCloud, type TestCloud } from '../devcloud/test-cloud.js';

let devcloud: TestCloud;
let operator: Cloud;
let folder: string;
let files: { path_to_private_key: string; path_to_public_key: string };

beforeAll(async () => {
  devcloud = await startTestCloud();
  operator = openCloud(devcloud.cloudsYaml, 'hawser');
  folder = await mkdtemp(join(devcloud.stateDir, 'keys-'));
  const { privateKey, publicKey } = generateHostKey();
  files = {
    path_to_private_key: await write('id', privateKey),
    path_to_public_key: await write('id.pub', publicKey),
  };
  await chmod(files.path_to_private_key, 0o600);
});

afterAll(async () => {
  await operator?.session.close();
  await rm(folder, { recursive: true });
  await devcloud?.remove();
});

async function write(name: string, text: string): Promise<string> {
  const file = join(folder, name);
  await writeFile(file, text);
  return file;
}

/** Backends with these options beside ones that are as they should be. */
async function writeConfig(...backends: Record<string, unknown>[]): Promise<string> {
  const defaults = {
    os_cloud: 'hawser',
    os_client_config_file: devcloud.cloudsYaml,
    service_instance_user: 'manila',
    ...files,
  };
  const named = Object.fromEntries(backends.map((own, at) => [`b${at}`, own]));
  return write('hawser.yaml', stringify({ defaults, backends: named }));
}

async function examine(...backends: Record<string, unknown>[]) {
  const file = await writeConfig(...backends);
  return checkPrerequisites(loadConfig(file), file);
}

test('a backend that has all it needs is fine, and nothing is left in the cloud', async () => {
  const before = await operator.network.listNetworks();
  const types = await operator.blockStorage.listVolumeTypes();
  const found = await examine({
    cinder_volume_type: types[0]?.name,
    storage_availability_zone: 'nova',
  });
  expect(found).toEqual({ problems: [], warnings: [] });
  expect(await operator.network.listNetworks()).toEqual(before);
});

test('every mistake of every backend is named at once', async () => {
  for (let made = 0; made < 2; made += 1) {
    await operator.image.createImage({ name: 'twin', diskFormat: 'raw' });
    await operator.network.createNetwork({ name: 'twins' });
  }
  await operator.image.createImage({ name: 'sleepy', diskFormat: 'raw' });
  const { problems } = await examine(
    {
      service_image_name: 'nobody',
      service_instance_flavor_id: 'giant',
      cinder_volume_type: 'golden',
      storage_availability_zone: 'moon',
      service_network_name: 'twins',
      path_to_public_key: '/nobody/id.pub',
    },
    { service_image_name: 'twin', backend_availability_zone: 'mars' },
    { service_image_name: 'nobody', os_cloud: 'nobody' },
    { service_image_name: 'sleepy' },
  );
  expect(problems).toEqual([
    expect.stringMatching(/^backends\.b0\.path_to_public_key: ENOENT.*\/nobody\/id\.pub/),
    expect.stringMatching(/^backends\.b0\.service_image_name: no image is named nobody/),
    expect.stringMatching(/^backends\.b0\.service_instance_flavor_id: no flavor .* giant/),
    expect.stringMatching(
      /^backends\.b0\.cinder_volume_type: .* no volume type golden; there are: \w/,
    ),
    expect.stringMatching(
      /^backends\.b0\.storage_availability_zone: .* zone moon; there are: nova$/,
    ),
    expect.stringMatching(/^backends\.b0\.service_network_name: 2 networks .* named twins: .*, /),
    expect.stringMatching(/^backends\.b1\.service_image_name: 2 images are named twin: .*, /),
    expect.stringMatching(/^backends\.b1\.backend_availability_zone: .* no availability zone mars/),
    expect.stringMatching(/^backends\.b2\.os_cloud: .*nobody/),
    expect.stringMatching(/^backends\.b3\.service_image_name: image sleepy .* is queued/),
  ]);
});

test('a service network in the way of tenants is warned of', async () => {
  const found = await examine({ service_network_cidr: '10.0.0.0/8' });
  expect(found.problems).toEqual([]);
  expect(found.warnings).toEqual([
    expect.stringMatching(/^backends\.b0\.service_network_cidr: it overlaps demo-subnet \(/),
  ]);
});

test('keys that cannot be used, do not belong together or are open to others are named', async () => {
  const stranger = generateHostKey();
  const open = await write('open', stranger.privateKey);
  await chmod(open, 0o644);
  const { problems, warnings } = await examine(
    { path_to_private_key: await write('no-key', 'no key') },
    { path_to_public_key: await write('stranger.pub', stranger.publicKey) },
    { path_to_private_key: open, path_to_public_key: await write('no.pub', 'no key') },
  );
  expect(problems).toEqual([
    expect.stringMatching(
      /^backends\.b0\.path_to_private_key: .*\/no-key: Not a usable private key/,
    ),
    expect.stringMatching(
      /^backends\.b1\.path_to_public_key: .* is not the public half of .*\/id /,
    ),
    expect.stringMatching(/^backends\.b2\.path_to_public_key: .*\/no\.pub: Not a public key/),
  ]);
  expect(warnings).toEqual([
    expect.stringMatching(/^backends\.b2\.path_to_private_key: others on this host .*chmod 600/),
  ]);
});

test('wrong credentials are one mistake, and are not sent again and again', async () => {
  const text = await readFile(devcloud.cloudsYaml, 'utf8');
  const wrong = await write('clouds.yaml', text.replaceAll(/password: .*/g, 'password: no'));
  expect(await examine({ os_client_config_file: wrong })).toEqual({
    problems: [expect.stringMatching(/^backends\.b0\.os_cloud: .*refused the credentials/)],
    warnings: [],
  });
});

test('a cloud that cannot be asked now is no mistake', async () => {
  await devcloud.control('POST', '/faults', {
    match: { service: 'volume' },
    effect: { status: 503 },
    times: 1,
  });
  const away = await write(
    'away.yaml',
    (await readFile(devcloud.cloudsYaml, 'utf8')).replaceAll(/:\d+\/identity/g, ':1/identity'),
  );
  const found = await examine({ cinder_volume_type: 'x' }, { os_client_config_file: away });
  expect(found.problems).toEqual([]);
  expect(found.warnings).toEqual([
    expect.stringMatching(/^backends\.b0\.cinder_volume_type: .*503/),
    expect.stringMatching(/^backends\.b1\.os_cloud: .*did not answer/),
  ]);
});

test(
  'a worker with mistakes refuses to start and names them all; a check by hand says the same',
  {
    timeout: 180_000,
  },
  async () => {
    const file = await writeConfig({ service_image_name: 'nobody', colour: 'red' });
    const worker = await hawser(['worker', '--config', file]);
    expect(worker.code).toBe(1);
    expect(worker.stderr).toMatch(/backends\.b0\.colour: no such option/);
    const wrongThere = await writeConfig({
      service_image_name: 'nobody',
      service_instance_flavor_id: 'giant',
    });
    const both = /b0\.service_image_name: .*\n.*b0\.service_instance_flavor_id: .* giant/;
    const refused = await hawser(['worker', '--config', wrongThere]);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(both);
    const checked = await hawser(['config', 'check', '--config', wrongThere, '--cloud']);
    expect(checked.code).toBe(1);
    expect(checked.stdout).toMatch(both);
    const elsewhere = { TEMPORAL_ADDRESS: '127.0.0.1:1' };
    const unasked = await hawser(['worker', '--config', wrongThere, '--no-cloud-check'], elsewhere);
    expect(unasked.stderr).toMatch(/Temporal is not reachable at 127\.0\.0\.1:1/);
  },
);

describe('what other options name', () => {
  const scene = async (more: Record<string, unknown>): Promise<Scene> => {
    const [config] = loadConfig(await writeConfig({}));
    const { projectId } = await operator.session.authenticate();
    return { config: Object.assign({}, config, more), cloud: operator, projectId };
  };
  const said = (findings: Finding[]) => findings.map(({ option, text }) => `${option}: ${text}`);

  test('the admin network and its subnet are there, and belong together', async () => {
    const network = await operator.network.createNetwork({ name: 'admin' });
    const cidr = '192.0.2.0/24';
    const subnet = await operator.network.createSubnet({
      networkId: network.id,
      cidr,
      ipVersion: 4,
    });
    const other = await operator.network.createNetwork({ name: 'other' });
    const ask = async (admin_network_id: string, admin_subnet_id: string) =>
      said(await checkAdminNetwork(await scene({ admin_network_id, admin_subnet_id })));
    expect(await ask(network.id, subnet.id)).toEqual([]);
    expect(await ask(other.id, subnet.id)).toEqual([
      expect.stringMatching(/^admin_subnet_id: .* not of admin_network_id/),
    ]);
    expect(await ask('nobody', 'nothing')).toEqual([
      'admin_network_id: Neutron has no network nobody',
      'admin_subnet_id: Neutron has no subnet nothing',
    ]);
    const overlapping = { admin_subnet_id: subnet.id, service_network_cidr: '192.0.0.0/16' };
    expect(said(await checkServiceAddresses(await scene(overlapping)))).toEqual([
      expect.stringMatching(/^service_network_cidr: it overlaps admin_subnet_id/),
    ]);
  });

  test('a base volume for disks is there and at rest, and spares the image', async () => {
    const ask = async (id: string) => {
      const boot = {
        service_instance_boot_from_volume: true,
        service_instance_base_boot_volume_id: id,
        service_image_name: 'nobody',
      };
      const there = await scene(boot);
      return said([...(await checkImage(there)), ...(await checkBaseBootVolume(there))]);
    };
    expect(await ask('nothing')).toEqual([expect.stringMatching(/Cinder has no volume nothing/)]);
    const spec = { name: 'base', sizeGib: 1, metadata: {} };
    const { id } = await operator.blockStorage.createVolume(spec);
    await expect.poll(() => ask(id)).toEqual([]);
  });

  test('a server for all shares may come later, but is one', async () => {
    const common = { driver_handles_share_servers: false, service_image_name: 'nobody' };
    const there = await scene({ ...common, service_instance_name_or_id: 'nobody' });
    expect(await checkExistingServer(there)).toEqual([
      {
        option: 'service_instance_name_or_id',
        text: expect.stringMatching(/nobody/),
        warning: true,
      },
    ]);
    expect(await checkImage(there)).toEqual([]);
  });
});
