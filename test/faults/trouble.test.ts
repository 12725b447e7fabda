import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { request } from 'undici';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { HawserClient, type ShareSpec, type ShareView } from '../../client/index.js';
import { openCloud } from '../../dev/cloud.js';
import { startEnvironment, type EmbeddedEnvironment } from '../../dev/environment.js';
import { differences, listResources, type Resources } from '../../dev/resources.js';
import { createTenantNetwork } from '../../dev/tenant-network.js';
import type { Cloud } from '../../openstack/index.js';
import { removeShare } from '../support/remove-everything.js';

/** Backends of their own for what only the configuration can get wrong. */
const moreBackends = ({ cloudsYaml }: { cloudsYaml: string }) => ({
  'no-image': { service_image_name: 'no-such-image' },
  'two-images': { service_image_name: 'twin' },
  'sleepy-image': { service_image_name: 'sleepy' },
  'no-flavor': { service_instance_flavor_id: 'no-such-flavor' },
  narrow: { service_network_cidr: '10.253.0.0/28', service_network_name: 'narrow_network' },
  impatient: {
    max_time_to_build_instance: 4,
    max_time_to_attach: 2,
    service_network_name: 'impatient_network',
  },
  'wrong-password': { os_client_config_file: withWrongPasswords(cloudsYaml) },
});

function withWrongPasswords(cloudsYaml: string): string {
  const file = join(dirname(cloudsYaml), 'wrong', 'clouds.yaml');
  mkdirSync(dirname(file));
  writeFileSync(file, readFileSync(cloudsYaml, 'utf8').replaceAll(/password: .*/g, 'password: no'));
  return file;
}

let stateDir: string;
let environment: EmbeddedEnvironment;
let hawser: HawserClient;
let operator: Cloud;
let tenant: Cloud;
let before: Resources;

beforeAll(async () => {
  stateDir = await mkdtemp(join(tmpdir(), 'hawser-trouble-'));
  environment = await startEnvironment({
    stateDir,
    cloud: { hosts: 'simulated' },
    moreBackends,
    // What is wrong in the cloud may also become so while a worker runs.
    workerArguments: ['--no-cloud-check'],
  });
  operator = openCloud(environment.cloudsYaml, 'hawser');
  tenant = openCloud(environment.cloudsYaml, 'demo');
  hawser = await HawserClient.connect({ address: environment.temporalAddress });
});

afterAll(async () => {
  await hawser?.close();
  await operator?.session.close();
  await tenant?.session.close();
  await environment?.stop();
  await rm(stateDir, { recursive: true, force: true });
});

afterEach(async () => {
  await control('DELETE', '/devcloud/faults');
  // What a test that went wrong left must not trouble the next one.
  for (const { id } of await hawser.listShares()) await removeShare(hawser, id);
  await removeInstances();
});

/** Also those whose set-up a failed share did not wait for; one that fails to be set up goes by itself. */
async function removeInstances(): Promise<void> {
  for (const { id } of await hawser.listInstances()) {
    const gone = async () => {
      const view = await hawser.getInstance(id).catch(() => undefined);
      if (!view) return true;
      if (view.status === 'active') await hawser.deleteInstance(id);
      return false;
    };
    await expect.poll(gone, { timeout: 20_000, interval: 200 }).toBe(true);
  }
}

async function control(method: 'POST' | 'PUT' | 'DELETE', path: string, body?: object) {
  const answer = await request(`${environment.cloudUrl}${path}`, {
    method,
    headers: { 'content-type': 'application/json' },
    body: body && JSON.stringify(body),
  });
  const text = await answer.body.text();
  if (answer.statusCode >= 300) throw new Error(`${method} ${path}: ${answer.statusCode} ${text}`);
}

const planFault = (match: object, effect: object, times = 1) =>
  control('POST', '/devcloud/faults', { match, effect, times });

let next = 0;
async function create(changes: Partial<ShareSpec> = {}): Promise<ShareView> {
  next += 1;
  const id = `trouble-${next}`;
  const spec = { id, protocol: 'NFS' as const, sizeGib: 1, shareNetwork: 'demo-net', ...changes };
  await hawser.createShare(spec);
  await hawser.waitForShare(id).catch(() => undefined);
  return hawser.getShare(id);
}

/** A create that fails as it should, and leaves the cloud as it was. */
async function failingCreate(changes: Partial<ShareSpec> = {}): Promise<ShareView['error']> {
  before = await listResources(operator);
  const { id, status, error } = await create(changes);
  expect(status).toBe('error');
  await hawser.deleteShare(id);
  await hawser.waitUntilDeleted(id);
  await removeInstances();
  expect(differences(before, await listResources(operator))).toEqual([]);
  return error;
}

test.each([
  ['no such network', { shareNetwork: 'nowhere' }, 'NetworkNotFound', 'nowhere'],
  ['no such subnet', { shareNetwork: 'demo-net/none' }, 'SubnetNotFound', 'none'],
  ['no such image', { backend: 'no-image' }, 'ImageNotFound', 'no-such-image'],
  ['no such flavor', { backend: 'no-flavor' }, 'FlavorNotFound', 'no-such-flavor'],
  ['a wrong password', { backend: 'wrong-password' }, 'AuthenticationFailed', 'clouds.yaml'],
] as const)('%s', async (_, changes, type, named) => {
  const startedAt = Date.now();
  const error = await failingCreate(changes);
  expect(error?.type).toBe(type);
  expect(error?.message).toContain(named);
  expect(Date.now() - startedAt, 'at once, not after retries').toBeLessThan(10_000);
});

test('two images of that name, and an image that is not active', async () => {
  for (const name of ['twin', 'twin', 'sleepy'])
    await operator.image.createImage({ name, diskFormat: 'qcow2' });
  expect(await failingCreate({ backend: 'two-images' })).toMatchObject({
    type: 'AmbiguousName',
    message: expect.stringMatching(/twin.*2|2.*twin/),
  });
  expect(await failingCreate({ backend: 'sleepy-image' })).toMatchObject({
    type: 'ImageNotActive',
    message: expect.stringContaining('queued'),
  });
});

test('a subnet without a gateway, and one without a router', async () => {
  const { id: networkId } = await tenant.network.createNetwork({ name: 'lonely' });
  const subnet = { networkId, ipVersion: 4 as const };
  await tenant.network.createSubnet({
    ...subnet,
    name: 'no-gateway',
    cidr: '10.30.0.0/24',
    gatewayIp: null,
  });
  await tenant.network.createSubnet({ ...subnet, name: 'no-router', cidr: '10.31.0.0/24' });
  for (const name of ['no-gateway', 'no-router']) {
    const error = await failingCreate({ shareNetwork: `lonely/${name}` });
    expect(error?.type).toBe('SubnetWithoutRouter');
    expect(error?.message).toContain(name);
  }
  expect((await failingCreate({ shareNetwork: 'lonely' }))?.type).toBe('AmbiguousName');
});

test('no free service subnet', async () => {
  const other = await createTenantNetwork(tenant, 'other-net', '10.32.0.0/24');
  const first = await create({ backend: 'narrow' });
  expect(first.status).toBe('available');
  const { id, error } = await create({ backend: 'narrow', shareNetwork: 'other-net' });
  expect(error?.type).toBe('NoFreeServiceSubnet');
  expect(error?.message).toContain('10.253.0.0/28');
  for (const share of [first.id, id]) {
    await hawser.deleteShare(share);
    await hawser.waitUntilDeleted(share);
  }
  await removeInstances();
  await other.remove();
});

test.each([
  ['compute', { instances: 0 }],
  ['volume', { volumes: 0 }],
  ['network', { port: 0 }],
])('a %s quota that is used up', async (service, limits) => {
  const { projectId } = await operator.session.authenticate();
  const setQuotas = async (quotas: object) =>
    control('PUT', '/devcloud/quotas', { service, project: projectId, limits: quotas });
  await setQuotas(limits);
  try {
    const error = await failingCreate();
    expect(error?.type, error?.message).toBe('QuotaExceeded');
  } finally {
    await setQuotas(Object.fromEntries(Object.keys(limits).map((key) => [key, 100])));
  }
});

test('a server that goes to ERROR, with the reason that Nova gives', async () => {
  await planFault({ operation: 'server.create' }, { outcome: 'ERROR', message: 'No valid host' });
  expect(await failingCreate()).toMatchObject({
    type: 'ServerFailed',
    message: expect.stringContaining('No valid host'),
  });
});

test('a server that never answers SSH', async () => {
  await planFault({ operation: 'server.boot' }, { sshSilent: true });
  const error = await failingCreate({ backend: 'impatient' });
  expect(error?.type).toBe('SshUnreachable');
  expect(error?.message).toMatch(/10\.254\.\d+\.\d+/);
});

test('a server that proves another host key than the pinned one', async () => {
  await planFault({ operation: 'server.boot' }, { hostKeyChanged: true });
  expect((await failingCreate())?.type).toBe('HostKeyChanged');
});

test('a volume that goes to error', async () => {
  await planFault({ operation: 'volume.create' }, { outcome: 'ERROR' });
  expect((await failingCreate())?.type).toBe('VolumeFailed');
});

test('a device that never appears', async () => {
  await planFault({ operation: 'volume.attach' }, { noDevice: true });
  const error = await failingCreate({ backend: 'impatient' });
  expect(error?.type).toBe('DeviceNotFound');
  expect(error?.message).toContain('if Nova says that the volume is attached, reboot this server');
});

test('a device that is not blank is not formatted', async () => {
  await planFault({ operation: 'volume.create' }, { dirtyVolume: true });
  expect(await failingCreate()).toMatchObject({
    type: 'DeviceNotBlank',
    message: expect.stringContaining('nothing was touched'),
  });
});

test('a cloud that breaks down for a while is waited for', async () => {
  await planFault({ service: 'volume', method: 'POST' }, { status: 503 }, 2);
  await planFault(
    { service: 'compute', method: 'POST', path: 'os-volume_attachments' },
    { reset: true },
  );
  const share = await create();
  expect(share).toMatchObject({ status: 'available', error: null });
  await hawser.deleteShare(share.id);
  await hawser.waitUntilDeleted(share.id);
});

test('an answer that is lost after its effect doubles nothing', async () => {
  for (const path of ['/volumes$', 'os-volume_attachments$']) {
    await planFault({ method: 'POST', path }, { reset: true, after: true });
  }
  const share = await create();
  expect(share).toMatchObject({ status: 'available', error: null });
  const name = `manila-share-${share.id}`;
  expect(await operator.blockStorage.listVolumes({ name })).toHaveLength(1);
  await hawser.deleteShare(share.id);
  await hawser.waitUntilDeleted(share.id);
});
