import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { loadCloudConfig } from '../../openstack/cloud-config.js';
import { OpenStackError } from '../../openstack/errors.js';
import { type Cloud, connectCloud } from '../../openstack/index.js';
import { generateHostKey } from '../../ssh/host-key.js';
import { SshPool } from '../../ssh/pool.js';
import { type TestCloud, startTestCloud } from '../devcloud/test-cloud.js';

let devcloud: TestCloud;
let cloud: Cloud;
const login = generateHostKey();
let flavorId: string;
let imageId: string;

const config = (cloudName: string) =>
  loadCloudConfig({ cloud: cloudName, env: { OS_CLIENT_CONFIG_FILE: devcloud.cloudsYaml } });

const refusal = async (work: Promise<unknown>): Promise<OpenStackError> => {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof OpenStackError)) throw new Error(`no refusal: ${String(error)}`);
  return error;
};

const eventually = <T>(look: () => Promise<T>) =>
  expect.poll(look, { timeout: 10_000, interval: 20 });

const volumeStatus = (id: string) =>
  eventually(async () => (await cloud.blockStorage.findVolume(id))?.status);
const serverStatus = (id: string) =>
  eventually(async () => (await cloud.compute.findServer(id))?.status);

beforeAll(async () => {
  devcloud = await startTestCloud();
  cloud = connectCloud(config('demo'));
  const [image] = await cloud.image.findImages({ name: 'manila-service-image' });
  const flavor = await cloud.compute.findFlavor('manila');
  if (image === undefined || flavor === undefined) throw new Error('the cloud is not furnished');
  imageId = image.id;
  flavorId = flavor.id;
});

afterAll(async () => {
  await cloud.session.close();
  await devcloud.remove();
});

describe('the session', () => {
  test('knows its project and user', async () => {
    const { projectId, userId } = await cloud.session.authenticate();
    expect(projectId).toMatch(/^[0-9a-f]{32}$/);
    expect(cloud.session).toMatchObject({ projectId, userId });
  });

  test('survives the loss of all tokens', async () => {
    await devcloud.control('DELETE', '/tokens');
    expect(await cloud.compute.listServers()).toEqual([]);
  });

  test('is refused with a wrong password', async () => {
    const env = {
      OS_AUTH_URL: `${devcloud.url}/identity`,
      OS_USERNAME: 'demo',
      OS_PASSWORD: 'x',
      OS_PROJECT_NAME: 'demo',
    };
    const other = connectCloud(loadCloudConfig({ env }));
    await expect(other.compute.listServers()).rejects.toMatchObject({
      name: 'AuthenticationFailed',
      status: 401,
    });
    await other.session.close();
  });
});

describe('networks', () => {
  test('are created, found, listed, changed, tagged and deleted', async () => {
    const { network } = cloud;
    const made = await network.createNetwork({ name: 'n1', description: 'mine' });
    expect(made).toMatchObject({
      name: 'n1',
      description: 'mine',
      projectId: cloud.session.projectId,
    });
    expect(await network.getNetwork(made.id)).toMatchObject({ id: made.id, external: false });
    await network.setTags('networks', made.id, ['a', 'b']);
    expect((await network.findNetwork(made.id))?.tags).toEqual(['a', 'b']);
    const own = await network.listNetworks({ name: 'n1', project_id: cloud.session.projectId });
    expect(own.map(({ id }) => id)).toEqual([made.id]);
    expect(await network.listNetworks({ 'router:external': true })).toMatchObject([
      { name: 'public' },
    ]);
    expect(await network.updateNetwork(made.id, { name: 'n2' })).toMatchObject({ name: 'n2' });
    await network.deleteNetwork(made.id);
    await network.deleteNetwork(made.id);
    expect(await network.findNetwork(made.id)).toBeUndefined();
    expect(await refusal(network.getNetwork(made.id))).toMatchObject({
      status: 404,
      code: 'NetworkNotFound',
      requestId: expect.stringMatching(/^req-/) as string,
    });
  });

  test('bind ports to hosts, and change them only as they were seen', async () => {
    const admin = connectCloud(config('hawser'));
    onTestFinished(() => admin.session.close());
    const { network } = admin;
    const { id: networkId } = await network.createNetwork({ name: 'n4' });
    const port = await network.createPort({ networkId, deviceId: 'd', hostId: 'devcloud' });
    expect(port).toMatchObject({ hostId: 'devcloud', vifType: 'ovs', status: 'ACTIVE' });
    const seen = { ifRevision: port.revisionNumber };
    expect(await network.updatePort(port.id, { hostId: 'nowhere' }, seen)).toMatchObject({
      vifType: 'binding_failed',
      status: 'DOWN',
    });
    expect((await refusal(network.updatePort(port.id, { name: 'late' }, seen))).status).toBe(412);
    expect((await refusal(network.deletePort(port.id, seen))).status).toBe(412);
    await network.deletePort(port.id);
  });

  test('carry subnets, routers and ports', async () => {
    const { network } = cloud;
    const net = await network.createNetwork({ name: 'n3' });
    const subnet = await network.createSubnet({
      name: 's3',
      description: 'hawser:share_network=x',
      networkId: net.id,
      cidr: '10.254.0.16/28',
      ipVersion: 4,
      enableDhcp: true,
    });
    expect(subnet).toMatchObject({
      networkId: net.id,
      cidr: '10.254.0.16/28',
      gatewayIp: '10.254.0.17',
      enableDhcp: true,
      ipVersion: 4,
      description: 'hawser:share_network=x',
      projectId: cloud.session.projectId,
    });
    expect((await network.getNetwork(net.id)).subnets).toEqual([subnet.id]);
    expect(await network.listSubnets({ network_id: net.id, ip_version: 4 })).toEqual([subnet]);
    expect(await network.updateSubnet(subnet.id, { name: 's4' })).toMatchObject({ name: 's4' });
    expect(await network.findSubnet(subnet.id)).toMatchObject({ name: 's4' });

    const router = await network.createRouter({ name: 'r3', description: 'd' });
    expect(router).toMatchObject({ name: 'r3', description: 'd', externalGatewayInfo: null });
    const { portId } = await network.addRouterInterface(router.id, { subnetId: subnet.id });
    expect(await network.getPort(portId)).toMatchObject({
      deviceId: router.id,
      deviceOwner: 'network:router_interface',
      fixedIps: [{ subnetId: subnet.id, ipAddress: '10.254.0.17' }],
    });
    expect(
      (await refusal(network.addRouterInterface(router.id, { subnetId: subnet.id }))).status,
    ).toBe(400);

    const group = await network.createSecurityGroup({ name: 'g3', description: 'ours' });
    const port = await network.createPort({
      name: 'p3',
      description: 'hawser:instance=1',
      networkId: net.id,
      fixedIps: [{ subnetId: subnet.id, ipAddress: '10.254.0.20' }],
      securityGroupIds: [group.id],
    });
    expect(port).toMatchObject({
      name: 'p3',
      networkId: net.id,
      deviceId: '',
      deviceOwner: '',
      fixedIps: [{ subnetId: subnet.id, ipAddress: '10.254.0.20' }],
      securityGroupIds: [group.id],
      description: 'hawser:instance=1',
    });
    expect(port.macAddress).toMatch(/^fa:16:3e(:[0-9a-f]{2}){3}$/);
    const owners = ['network:router_interface', ''];
    const ports = await network.listPorts({ network_id: net.id, device_owner: owners });
    expect(ports.map(({ id }) => id).sort()).toEqual([port.id, portId].sort());
    expect(
      await network.updatePort(port.id, { description: 'x', securityGroupIds: [] }),
    ).toMatchObject({
      description: 'x',
      securityGroupIds: [],
      fixedIps: [{ ipAddress: '10.254.0.20' }],
    });
    expect(await refusal(network.deleteSubnet(subnet.id))).toMatchObject({
      status: 409,
      code: 'SubnetInUse',
    });
    await network.deletePort(port.id);
    await network.deletePort(port.id);
    expect(await network.findPort(port.id)).toBeUndefined();

    expect(await refusal(network.deleteRouter(router.id))).toMatchObject({ status: 409 });
    await network.removeRouterInterface(router.id, { subnetId: subnet.id });
    expect(
      (await refusal(network.removeRouterInterface(router.id, { subnetId: subnet.id }))).status,
    ).toBe(404);
    const [outside] = await network.listNetworks({ name: 'public' });
    const updated = await network.updateRouter(router.id, { externalNetworkId: outside?.id });
    expect(updated.externalGatewayInfo).toEqual({ networkId: outside?.id });
    expect(await network.listRouters({ name: 'r3' })).toMatchObject([{ id: router.id }]);
    expect(await network.getRouter(router.id)).toMatchObject({ id: router.id, status: 'ACTIVE' });
    await network.deleteRouter(router.id);
    expect(await network.findRouter(router.id)).toBeUndefined();
    await network.deleteSecurityGroup(group.id);
    await network.deleteSubnet(subnet.id);
    expect(await network.findSubnet(subnet.id)).toBeUndefined();
    await network.deleteNetwork(net.id);
  });

  test('are guarded by security groups', async () => {
    const { network } = cloud;
    const group = await network.createSecurityGroup({ name: 'g1', description: 'ours' });
    expect(await network.listSecurityGroups({ name: 'g1' })).toEqual([
      await network.getSecurityGroup(group.id),
    ]);
    const wanted = {
      securityGroupId: group.id,
      direction: 'ingress',
      ethertype: 'IPv4',
      protocol: 'tcp',
      portRangeMin: 2049,
      portRangeMax: 2049,
      remoteIpPrefix: '10.0.0.0/8',
    } as const;
    const rule = await network.createSecurityGroupRule(wanted);
    expect(rule).toMatchObject({ ...wanted, remoteGroupId: null });
    expect(await refusal(network.createSecurityGroupRule(wanted))).toMatchObject({
      status: 409,
      code: 'SecurityGroupRuleExists',
    });
    const ingress = { security_group_id: group.id, direction: 'ingress' };
    expect(await network.listSecurityGroupRules(ingress)).toEqual([rule]);
    expect(await network.getSecurityGroupRule(rule.id)).toEqual(rule);
    await network.deleteSecurityGroupRule(rule.id);
    expect(await network.findSecurityGroupRule(rule.id)).toBeUndefined();
    expect(await network.updateSecurityGroup(group.id, { description: 'theirs' })).toMatchObject({
      description: 'theirs',
    });
    await network.deleteSecurityGroup(group.id);
    expect(await network.findSecurityGroup(group.id)).toBeUndefined();
  });
});

describe('volumes', () => {
  test('are created, found by name and metadata, changed, extended and deleted', async () => {
    const { blockStorage } = cloud;
    const tag = { 'hawser:share_id': 'it\'s "x"' };
    const made = await blockStorage.createVolume({ name: 'v1', sizeGib: 1, metadata: tag });
    expect(made).toMatchObject({
      name: 'v1',
      sizeGib: 1,
      metadata: tag,
      attachments: [],
      snapshotId: null,
    });
    await volumeStatus(made.id).toBe('available');
    const other = await blockStorage.createVolume({ name: 'v1', sizeGib: 1, metadata: {} });
    await volumeStatus(other.id).toBe('available');

    const ids = async (filter: Parameters<typeof blockStorage.listVolumes>[0]) =>
      (await blockStorage.listVolumes(filter)).map(({ id }) => id).sort();
    expect(await ids({ name: 'v1' })).toEqual([made.id, other.id].sort());
    expect(await ids({ metadata: tag })).toEqual([made.id]);
    expect(await ids({ name: 'v', metadata: tag })).toEqual([]);

    const changed = await blockStorage.updateVolume(made.id, { name: 'v2', metadata: { a: 'b' } });
    expect(changed).toMatchObject({ name: 'v2', metadata: { a: 'b' } });
    await blockStorage.extendVolume(made.id, 2);
    await volumeStatus(made.id).toBe('available');
    expect(await blockStorage.getVolume(made.id)).toMatchObject({
      sizeGib: 2,
      metadata: { a: 'b' },
    });
    expect((await refusal(blockStorage.extendVolume(made.id, 1))).status).toBe(400);

    for (const { id } of [made, other]) await blockStorage.deleteVolume(id);
    await volumeStatus(made.id).toBe(undefined);
    await blockStorage.deleteVolume(made.id);
    expect(await refusal(blockStorage.getVolume(made.id))).toMatchObject({
      status: 404,
      code: 'itemNotFound',
    });
  });

  test('have snapshots from which volumes are made', async () => {
    const { blockStorage } = cloud;
    const volume = await blockStorage.createVolume({ name: 'v3', sizeGib: 1, metadata: {} });
    await volumeStatus(volume.id).toBe('available');
    const metadata = { 'hawser:snapshot_id': '1' };
    const made = await blockStorage.createSnapshot({ volumeId: volume.id, name: 'snap', metadata });
    expect(made).toMatchObject({ name: 'snap', volumeId: volume.id, sizeGib: 1, metadata });
    await eventually(async () => (await blockStorage.getSnapshot(made.id)).status).toBe(
      'available',
    );
    expect(
      await blockStorage.listSnapshots({ name: 'snap', metadata, volumeId: volume.id }),
    ).toMatchObject([{ id: made.id }]);
    expect(await blockStorage.listSnapshots({ metadata: { 'hawser:snapshot_id': '2' } })).toEqual(
      [],
    );
    const copy = await blockStorage.createVolume({
      name: 'v4',
      sizeGib: 1,
      metadata: {},
      snapshotId: made.id,
    });
    expect(copy.snapshotId).toBe(made.id);
    await volumeStatus(copy.id).toBe('available');
    await blockStorage.deleteVolume(copy.id);
    await volumeStatus(copy.id).toBe(undefined);
    await blockStorage.deleteSnapshot(made.id);
    await eventually(async () => blockStorage.findSnapshot(made.id)).toBe(undefined);
    await blockStorage.deleteSnapshot(made.id);
    await blockStorage.deleteVolume(volume.id);
    await volumeStatus(volume.id).toBe(undefined);
  });

  test('beyond the quota are refused', async () => {
    const spec = { name: 'huge', sizeGib: 1_000_000, metadata: {} };
    expect(await refusal(cloud.blockStorage.createVolume(spec))).toMatchObject({
      service: 'volume',
      status: 413,
      code: 'overLimit',
    });
  });

  test('are of known types', async () => {
    expect(await cloud.blockStorage.listVolumeTypes()).toMatchObject([{ name: '__DEFAULT__' }]);
  });
});

describe('images and flavors', () => {
  test('are found', async () => {
    expect(await cloud.image.getImage(imageId)).toMatchObject({
      name: 'manila-service-image',
      status: 'active',
      visibility: 'public',
    });
    expect(await cloud.image.findImages({ name: 'manila' })).toEqual([]);
    expect(await refusal(cloud.image.getImage(cloud.session.projectId))).toMatchObject({
      status: 404,
    });
    const flavor = await cloud.compute.getFlavor(flavorId);
    expect(flavor).toMatchObject({ name: 'manila', ramMib: 512, vcpus: 1, disabled: false });
    expect(await cloud.compute.findFlavor(flavorId)).toEqual(flavor);
    expect(await cloud.compute.findFlavor('no such')).toBeUndefined();
    expect(await cloud.compute.listFlavors()).toContainEqual(flavor);
  });

  test('images are uploaded and deleted', async () => {
    const made = await cloud.image.createImage({
      name: 'mine',
      diskFormat: 'raw',
      minDiskGib: 1,
      properties: { hawser_recipe: 'abc' },
    });
    expect(made).toMatchObject({
      status: 'queued',
      sizeBytes: null,
      minDiskGib: 1,
      visibility: 'shared',
    });
    await cloud.image.uploadImage(made.id, Readable.from([Buffer.alloc(1024), Buffer.alloc(512)]));
    expect(await cloud.image.getImage(made.id)).toMatchObject({
      status: 'active',
      sizeBytes: 1536,
    });
    await cloud.image.deleteImage(made.id);
    expect(await cloud.image.findImages({ name: 'mine' })).toEqual([]);
  });
});

describe('servers', () => {
  test('boot with our host key, take volumes, and are reached by SSH', async () => {
    const { compute, network, blockStorage } = cloud;
    const hostKey = generateHostKey();
    const ssh = new SshPool({ user: 'manila', privateKey: login.privateKey, proxy: devcloud.url });
    onTestFinished(() => ssh.close());
    const keypair = await compute.createKeypair({ name: 'k-1 x', publicKey: login.publicKey });
    expect(keypair).toMatchObject({ name: 'k-1 x', publicKey: login.publicKey });
    expect(await compute.findKeypair('k-1 x')).toMatchObject({ fingerprint: keypair.fingerprint });
    expect(
      await refusal(compute.createKeypair({ name: 'k-1 x', publicKey: login.publicKey })),
    ).toMatchObject({
      status: 409,
    });

    const [net] = await network.listNetworks({ name: 'demo-net' });
    const port = await network.createPort({ networkId: net?.id ?? '' });
    const keys = {
      ssh_keys: { ed25519_private: hostKey.privateKey, ed25519_public: hostKey.publicKey },
    };
    const { id } = await compute.createServer({
      name: 'hawser-1.*',
      imageId,
      flavorId,
      portIds: [port.id],
      keyName: keypair.name,
      userData: `#cloud-config\n${JSON.stringify(keys)}\n`,
      configDrive: true,
      metadata: { 'hawser:instance_id': '1' },
    });
    await serverStatus(id).toBe('ACTIVE');
    const address = port.fixedIps[0]?.ipAddress ?? '';
    expect(await compute.getServer(id)).toMatchObject({
      id,
      name: 'hawser-1.*',
      taskState: null,
      fault: undefined,
      keyName: keypair.name,
      metadata: { 'hawser:instance_id': '1' },
      addresses: [{ network: 'demo-net', address, macAddress: port.macAddress }],
    });
    expect(await network.getPort(port.id)).toMatchObject({ deviceId: id, status: 'ACTIVE' });
    expect(await compute.listServers({ name: 'hawser-1.*' })).toMatchObject([{ id }]);
    expect(await compute.listServers({ name: 'hawser-1' })).toEqual([]);
    await compute.updateServerMetadata(id, { more: 'yes' });
    expect((await compute.getServer(id)).metadata).toEqual({
      'hawser:instance_id': '1',
      more: 'yes',
    });
    expect(typeof (await compute.getConsoleLog(id, 10))).toBe('string');

    const volume = await blockStorage.createVolume({ name: 'v5', sizeGib: 1, metadata: {} });
    await volumeStatus(volume.id).toBe('available');
    expect(await compute.attachVolume(id, volume.id)).toMatchObject({
      serverId: id,
      volumeId: volume.id,
    });
    await volumeStatus(volume.id).toBe('in-use');
    expect(await compute.listAttachments(id)).toMatchObject([{ volumeId: volume.id }]);
    expect(await compute.findAttachment(id, volume.id)).toMatchObject({ volumeId: volume.id });
    expect((await blockStorage.getVolume(volume.id)).attachments).toMatchObject([{ serverId: id }]);
    await blockStorage.extendVolume(volume.id, 2);
    await volumeStatus(volume.id).toBe('in-use');
    expect((await blockStorage.getVolume(volume.id)).sizeGib).toBe(2);

    const host = { address, hostKey: hostKey.publicKey };
    const command = { name: 'greet', script: 'echo "$1"', args: ["'"], timeoutMs: 10_000 };
    expect(await ssh.run(host, command)).toEqual({ stdout: "'\n", stderr: '' });
    const nowhere = { ...host, address: '10.10.0.250' };
    await expect(ssh.ping(nowhere)).rejects.toThrow('answered 502 to CONNECT 10.10.0.250:22');

    await compute.rebootServer(id, 'HARD');
    await serverStatus(id).toBe('ACTIVE');
    await compute.detachVolume(id, volume.id);
    await volumeStatus(volume.id).toBe('available');
    await compute.detachVolume(id, volume.id);
    expect(await compute.findAttachment(id, volume.id)).toBeUndefined();
    await blockStorage.deleteVolume(volume.id);
    await compute.deleteServer(id);
    await eventually(async () => compute.findServer(id)).toBe(undefined);
    await compute.deleteServer(id);
    await compute.deleteKeypair(keypair.name);
    await compute.deleteKeypair(keypair.name);
    expect(await compute.findKeypair(keypair.name)).toBeUndefined();
    await network.deletePort(port.id);
  });

  test('of an image that does not exist are refused', async () => {
    const [net] = await cloud.network.listNetworks({ name: 'demo-net' });
    const port = await cloud.network.createPort({ networkId: net?.id ?? '' });
    const spec = { name: 'x', imageId: cloud.session.projectId, flavorId, portIds: [port.id] };
    expect(await refusal(cloud.compute.createServer(spec))).toMatchObject({
      service: 'compute',
      status: 400,
      code: 'badRequest',
    });
    await cloud.network.deletePort(port.id);
  });
});
