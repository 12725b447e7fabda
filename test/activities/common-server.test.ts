import { afterAll, beforeAll, expect, test } from 'vitest';
import type { InstanceHost } from '../../workflows/model.js';
import {
  bootInstance,
  bootServer,
  failureOf,
  startActivityRig,
  type ActivityRig,
  type Bench,
} from '../support/activities.js';

let rig: ActivityRig;
/** A backend that made a server, which then is there for others. */
let maker: Bench;
let host: InstanceHost;
let serverName: string;

beforeAll(async () => {
  rig = await startActivityRig();
  ({ bench: maker, host } = await bootInstance(rig));
  serverName = (await rig.operator.compute.getServer(host.serverId)).name;
});
afterAll(() => rig?.stop());

/** A backend whose one server is the one that is there. */
const existing = (more: Record<string, unknown> = {}) =>
  rig.addBackend({
    driver_handles_share_servers: false,
    service_instance_name_or_id: serverName,
    service_net_name_or_ip: maker.options.service_network_name,
    tenant_net_name_or_ip: '2001:db8::7',
    ...more,
  });

test('the server is found by its name or its id, with its addresses and its key', async () => {
  for (const service_instance_name_or_id of [serverName, host.serverId]) {
    const { steps, backend } = await existing({ service_instance_name_or_id });
    for (const round of ['first', 'second']) {
      expect(await steps.findCommonServer({ backend }), round).toEqual({ serverId: host.serverId });
    }
    expect(await steps.locateCommonServer({ backend, serverId: host.serverId })).toEqual({
      address: host.address,
      exportAddress: '2001:db8::7',
      hostKey: host.hostKey,
    });
  }
});

test('it lets us in and meets the requirements, as one that was made for us does', async () => {
  const { steps, backend } = await existing({
    service_instance_host_key: `${host.hostKey} root@nas`,
  });
  const where = await steps.locateCommonServer({ backend, serverId: host.serverId });
  const found = { ...where, backend, instanceId: `${backend}-common`, serverId: host.serverId };
  await steps.waitForServer(found);
  await steps.waitForSsh({ host: found });
  await steps.checkImageRequirements({ host: found });
});

test('a server with another key is not let near us', async () => {
  const { steps, backend } = await existing({ service_instance_host_key: maker.publicKey });
  const where = await steps.locateCommonServer({ backend, serverId: host.serverId });
  const found = { ...where, backend, instanceId: 'c', serverId: host.serverId };
  expect(await failureOf(steps.waitForSsh({ host: found }))).toMatchObject({
    type: 'HostKeyChanged',
    nonRetryable: true,
  });
});

test('a key that nobody knows is asked for, not trusted', async () => {
  const server = await bootServer(
    maker,
    await rig.addShareNetwork(maker, '10.21.0.0/24'),
    'keyless',
  );
  const { steps, backend } = await existing();
  const { compute } = rig.operator;
  await compute.updateServerMetadata(server.serverId, { 'hawser:host_key': '' });
  expect(
    await failureOf(steps.locateCommonServer({ backend, serverId: server.serverId })),
  ).toMatchObject({
    type: 'HostKeyUnknown',
    message: expect.stringContaining('service_instance_host_key') as string,
  });
});

test('no such server, and several of one name, are said to be so', async () => {
  const nobody = await existing({ service_instance_name_or_id: 'nas-7' });
  expect(await failureOf(nobody.steps.findCommonServer(nobody))).toMatchObject({
    type: 'ServerNotFound',
    message: expect.stringContaining('nas-7') as string,
  });
  const { keyName } = await rig.operator.compute.getServer(host.serverId);
  const images = await maker.steps.resolveImageAndFlavor(maker);
  const shareNetwork = await rig.addShareNetwork(maker, '10.22.0.0/24');
  const made: string[] = [];
  for (const instanceId of ['twin-1', 'twin-2']) {
    const { portIds } = await maker.steps.ensureServerPort({
      backend: maker.backend,
      shareNetwork,
      instanceId,
    });
    const twin = { ...images, name: 'twin', portIds, keyName: keyName ?? '' };
    made.push((await rig.operator.compute.createServer(twin)).id);
  }
  const twins = await existing({ service_instance_name_or_id: 'twin' });
  expect(await failureOf(twins.steps.findCommonServer(twins))).toMatchObject({
    type: 'AmbiguousName',
    message: expect.stringMatching(/2 servers.*, /) as string,
  });

  const [first = '', second = ''] = made;
  const status = async () => (await rig.operator.compute.getServer(second)).status;
  await expect.poll(status).toBe('ACTIVE');
  await rig.devcloud.control('PUT', '/settings', { softDelete: 1 });
  await rig.operator.compute.deleteServer(second);
  await expect.poll(status).toBe('SOFT_DELETED');
  await rig.devcloud.reset();
  expect(await twins.steps.findCommonServer(twins)).toEqual({ serverId: first });
  const putAside = await existing({ service_instance_name_or_id: second });
  expect(await failureOf(putAside.steps.findCommonServer(putAside))).toMatchObject({
    type: 'ServerNotFound',
  });
});

test('a network that the server is not on is named, with those that it is on', async () => {
  const { steps, backend } = await existing({ tenant_net_name_or_ip: 'elsewhere' });
  const failure = await failureOf(steps.locateCommonServer({ backend, serverId: host.serverId }));
  expect(failure.message).toContain('elsewhere');
  expect(failure.message).toContain(maker.options.service_network_name);
  expect(failure.message).toContain('tenant_net_name_or_ip');
});

test('such a backend wants no share network, and others want one', async () => {
  const { steps, backend } = await existing();
  expect(await steps.resolveShareNetwork({ backend, shareNetwork: null })).toBeNull();
  expect(
    await failureOf(steps.resolveShareNetwork({ backend, shareNetwork: 'net' })),
  ).toMatchObject({
    type: 'InvalidInput',
    message: expect.stringContaining('leave out') as string,
  });
  expect(
    await failureOf(
      maker.steps.resolveShareNetwork({ backend: maker.backend, shareNetwork: null }),
    ),
  ).toMatchObject({ type: 'InvalidInput' });
});
