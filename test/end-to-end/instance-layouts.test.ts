import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import type { ServiceInstanceView, ShareView } from '../../client/index.js';
import { openCloud } from '../../dev/cloud.js';
import { differences, listResources } from '../../dev/resources.js';
import type { TenantClient } from '../../dev/tenant-client.js';
import {
  createShare,
  endToEnd,
  hawser as hawserOf,
  pathOf,
  plug,
  refused,
  size,
} from '../support/end-to-end.js';

const adminNetwork = `admin-${randomBytes(4).toString('hex')}`;
let removeAdminNetwork = async () => {};

/** The operator's own network, where instances of the backend `managed` have a port. */
async function addAdminNetwork(cloudsYaml: string) {
  const cloud = openCloud(cloudsYaml, 'hawser');
  const { id: networkId } = await cloud.network.createNetwork({ name: adminNetwork });
  removeAdminNetwork = async () => {
    await cloud.network.deleteNetwork(networkId);
    await cloud.session.close();
  };
  const subnet = { networkId, cidr: '172.31.250.0/24', ipVersion: 4, enableDhcp: true } as const;
  const { id: subnetId } = await cloud.network.createSubnet(subnet);
  return { admin_network_id: networkId, admin_subnet_id: subnetId };
}

const inTenantNetwork = {
  connect_share_server_to_tenant_network: true,
  // An emulated machine on a busy host is slow to boot.
  max_time_to_build_instance: 1200,
};

const story = endToEnd({
  afterwards: () => removeAdminNetwork(),
  moreBackends: async ({ cloudsYaml }) => ({
    connected: {
      ...inTenantNetwork,
      service_instance_boot_from_volume: true,
      service_instance_boot_volume_size: 2,
    },
    managed: {
      ...inTenantNetwork,
      ...(await addAdminNetwork(cloudsYaml)),
      limit_ssh_access: true,
      service_instance_security_group: 'manila-service-managed',
      delete_share_server_with_last_share: true,
    },
  }),
});

const hawser = async <T>(line: string, ...more: string[]) => hawserOf<T>(story, line, ...more);
const allow = (share: ShareView, { address }: TenantClient) =>
  hawser(`access allow ${share.id} --to ${address} --level rw`);

/** The networks that an instance's server has addresses in. */
async function addressesOf(share: ShareView): Promise<Record<string, string>> {
  const { serverId } = await hawser<ServiceInstanceView>(`instance show ${share.serviceInstance}`);
  const { addresses } = await story.cloud.compute.getServer(serverId ?? '');
  return Object.fromEntries(addresses.map(({ network, address }) => [network, address]));
}

let connected: ShareView;
let managed: ShareView;

test('instances come up in the networks of tenant, service and operator that their backend names', async () => {
  // One after the other: emulated machines that boot side by side take more than twice as long.
  connected = await createShare(story, 'e2e-connected', 'NFS', '--backend', 'connected');
  managed = await createShare(story, 'e2e-managed', 'NFS', '--backend', 'managed');
  expect(await addressesOf(connected)).toEqual({
    'demo-net': expect.any(String),
    manila_service_network: expect.any(String),
  });
  expect(await addressesOf(managed)).toEqual({
    'demo-net': expect.any(String),
    [adminNetwork]: expect.stringMatching(/^172\.31\.250\./),
  });
});

test("a share is mounted at its instance's own address in the tenant's network", async () => {
  const { 'demo-net': address } = await addressesOf(connected);
  expect(connected.exportLocations).toEqual([
    { path: `${address}:/shares/share-e2e-connected`, adminOnly: false },
  ]);
  await allow(connected, story.friend);
  const { written, read } = await story.friend.writeAndRead(pathOf(connected), size);
  expect(read).toBe(written);
  await expect(story.stranger.list(pathOf(connected))).rejects.toThrow(refused);
});

test('an instance boots from a volume of its own', async () => {
  const { cloud } = story;
  const name = `manila-share-${connected.serviceInstance}-boot`;
  const { serverId } = await hawser<ServiceInstanceView>(
    `instance show ${connected.serviceInstance}`,
  );
  const [volume] = await cloud.blockStorage.listVolumes({ name });
  expect(volume).toMatchObject({ sizeGib: 2, status: 'in-use', attachments: [{ serverId }] });
});

test('the operator mounts a share in the admin network, the tenant in its own', async () => {
  const { 'demo-net': tenantSide, [adminNetwork]: adminSide } = await addressesOf(managed);
  const path = '/shares/share-e2e-managed';
  expect(managed.exportLocations).toEqual([
    { path: `${tenantSide}:${path}`, adminOnly: false },
    { path: `${adminSide}:${path}`, adminOnly: true },
  ]);
  await allow(managed, story.friend);
  const { written, read } = await story.friend.writeAndRead(pathOf(managed), size);
  expect(read).toBe(written);

  const where = { cloud: 'hawser', network: adminNetwork };
  const operator = await plug(story.environment, 'operator', where);
  try {
    const there = managed.exportLocations[1]?.path ?? '';
    await expect(operator.list(there)).rejects.toThrow(refused);
    await allow(managed, operator);
    expect(await operator.list(there)).toContain('hawser-was-here');
  } finally {
    await operator.close();
  }
  await expect(story.stranger.list(pathOf(managed))).rejects.toThrow(refused);
});

test('when everything is deleted the cloud is what it was before', async () => {
  await Promise.all([hawser(`share delete ${connected.id}`), hawser(`share delete ${managed.id}`)]);
  await hawser(`instance delete ${connected.serviceInstance}`);
  await story.friend.close();
  await story.stranger.close();
  // The other instance goes by itself with its last share.
  await expect
    .poll(() => hawser('instance list'), { timeout: 120_000, interval: 1000 })
    .toEqual([]);
  expect(differences(story.before, await listResources(story.cloud))).toEqual([]);
});
