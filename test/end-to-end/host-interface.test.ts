import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import type { Backend } from '../../activities/backend.js';
import { backendsOf } from '../../activities/backend.js';
import { createActivities } from '../../activities/index.js';
import { isEmbedded, openCloud } from '../../dev/cloud.js';
import { createTenantNetwork, type TenantNetwork } from '../../dev/tenant-network.js';
import type { Cloud } from '../../openstack/index.js';
import { generateHostKey } from '../../ssh/host-key.js';
import { openBackend } from '../../worker/backends.js';
import { loadConfig } from '../../worker/config.js';
import type { InstanceHost, ShareNetwork } from '../../workflows/model.js';
import { benchOf, bootServer, type Bench } from '../support/activities.js';
import { cloudUnderTest } from '../support/cloud-under-test.js';

const target = cloudUnderTest();
// It has no L2 agent that would plug a host.
if (isEmbedded(target)) throw new Error('Not for the embedded cloud: npm run test:openstack');
const { cloudsYaml, backend: reachedBy } = target;
const execute = promisify(execFile);

describe('a host with an L2 agent', () => {
  const name = `host-interface-${process.pid}`;
  let folder: string;
  let backend: Backend;
  let tenant: Cloud;
  let bench: Bench;
  let networks: TenantNetwork[] = [];
  let shareNetworks: ShareNetwork[];
  let host: InstanceHost;
  const temporal = Connection.lazy();

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hawser-host-interface-'));
    backend = await openRealBackend(folder, name);
    const client = new Client({ connection: temporal });
    bench = benchOf(backend, createActivities(backendsOf([backend]), client));
    tenant = openCloud(cloudsYaml, 'demo');
    shareNetworks = [];
    for (const at of [1, 2]) {
      const network = await createTenantNetwork(tenant, `${name}-${at}`, `10.251.${at}.0/24`);
      networks.push(network);
      const words = { backend: name, shareNetwork: network.name };
      const resolved = await bench.steps.resolveShareNetwork(words);
      if (resolved) shareNetworks.push(resolved);
    }
  });

  afterAll(async () => {
    if (bench) await removeAll();
    backend?.hostInterface.close();
    backend?.ssh.close();
    for (const network of networks) await network.remove();
    await backend?.cloud.session.close();
    await tenant?.session.close();
    await temporal.close();
    await rm(folder, { recursive: true, force: true });
  });

  const instances = [
    { backend: name, instanceId: `${name}-1` },
    { backend: name, instanceId: `${name}-2` },
  ];

  async function removeAll(): Promise<void> {
    for (const instance of instances) {
      await bench.steps.deleteServer(instance);
      await bench.steps.deleteServerPort(instance);
    }
    for (const shareNetwork of shareNetworks) {
      await bench.retried.releaseServiceNetwork({ backend: name, shareNetwork });
    }
    await bench.steps.deleteSecurityGroup({ backend: name });
  }

  const serviceNetworks = () => backend.cloud.network.listNetworks({ name });

  const hostPorts = async () => {
    const ids = (await serviceNetworks()).map(({ id }) => id);
    if (ids.length === 0) return [];
    const ports = await backend.cloud.network.listPorts({ network_id: ids });
    return ports.filter(({ deviceOwner }) => deviceOwner === 'hawser:host');
  };

  const devices = async (portId: string): Promise<string[]> => {
    const { stdout } = await execute('ip', ['-brief', 'address', 'show']);
    return stdout.split('\n').filter((line) => line.includes(portId.slice(0, 11)));
  };

  test('reaches a service instance by SSH through a port of its own', async () => {
    const [shareNetwork] = shareNetworks;
    const [instance] = instances;
    if (!shareNetwork || !instance) throw new Error('there is no share network');
    host = await bootServer(bench, shareNetwork, instance.instanceId);
    await bench.retried.waitForSsh({ host });
    const [port, ...more] = await hostPorts();
    expect(more).toEqual([]);
    expect(port).toMatchObject({ vifType: 'bridge', status: 'ACTIVE' });
    const address = `${port?.fixedIps[0]?.ipAddress}/28`;
    expect((await devices(port?.id ?? '')).join('\n')).toContain(address);
    expect(await bench.onHost(host, 'id -un')).toBe('root\n');
  });

  test('joins a second subnet with the same port, and keeps the first', async () => {
    const [before] = await hostPorts();
    const [, shareNetwork] = shareNetworks;
    const [, instance] = instances;
    if (!before || !shareNetwork || !instance) throw new Error('there is no host port');
    const { address } = await bench.steps.ensureServerPort({ ...instance, shareNetwork });
    await backend.hostInterface.reach(address);
    const [port, ...more] = await hostPorts();
    expect(more).toEqual([]);
    expect(port?.id).toBe(before.id);
    expect(port?.fixedIps).toHaveLength(2);
    expect(port?.fixedIps).toContainEqual(before.fixedIps[0]);
    // The subnet's router is the nearest that answers there: nobody listens, and it says so.
    const subnetId = port?.fixedIps.find((ip) => ip.subnetId !== before.fixedIps[0]?.subnetId);
    const { gatewayIp } = await backend.cloud.network.getSubnet(subnetId?.subnetId ?? '');
    await expect.poll(() => answerOf(gatewayIp ?? ''), { timeout: 30_000 }).toBe('ECONNREFUSED');
    await bench.steps.waitForSsh({ host });
  });

  test('leaves neither port nor device nor network behind', async () => {
    const [port] = await hostPorts();
    expect(await devices(port?.id ?? '')).not.toEqual([]);
    await removeAll();
    expect(await hostPorts()).toEqual([]);
    expect(await devices(port?.id ?? '')).toEqual([]);
    expect(await serviceNetworks()).toEqual([]);
  });
});

async function openRealBackend(folder: string, name: string): Promise<Backend> {
  const { privateKey, publicKey } = generateHostKey();
  const keys = {
    path_to_private_key: join(folder, 'id_ed25519'),
    path_to_public_key: join(folder, 'id_ed25519.pub'),
  };
  await writeFile(keys.path_to_private_key, privateKey, { mode: 0o600 });
  await writeFile(keys.path_to_public_key, publicKey);
  const options = {
    os_cloud: 'hawser',
    os_client_config_file: cloudsYaml,
    ...reachedBy,
    service_instance_user: 'manila',
    service_network_name: name,
    service_network_cidr: '10.250.0.0/24',
    service_instance_security_group: name,
    manila_service_keypair_name: name,
    ...keys,
  };
  const file = join(folder, 'hawser.yaml');
  await writeFile(file, stringify({ backends: { [name]: options } }));
  const [config] = loadConfig(file);
  if (!config) throw new Error(`${file} has no backend`);
  return openBackend(config, file);
}

/** What comes of a TCP connection: an error's code, or `open`. */
async function answerOf(address: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port: 22, timeout: 5000 });
    const end = (answer: string) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => end('open'));
    socket.once('timeout', () => end('silence'));
    socket.once('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
  });
}
