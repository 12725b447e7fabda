import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { listDevices } from '../../host-interface/devices.js';
import { openHostInterface, type HostInterface } from '../../host-interface/index.js';
import type { Run } from '../../host-interface/programs.js';
import { loadCloudConfig } from '../../openstack/cloud-config.js';
import { type Cloud, connectCloud } from '../../openstack/index.js';
import type { Networks, Port } from '../../openstack/network.js';
import { startActivityRig, type ActivityRig, type Bench } from '../support/activities.js';
import { holdRequest } from '../support/held-request.js';
import { noOpenVswitch, startOpenVswitch } from '../support/open-vswitch.js';

describe.skipIf(noOpenVswitch)("the worker's host in the service network", () => {
  let rig: ActivityRig;
  let machine: Awaited<ReturnType<typeof startOpenVswitch>>;
  let bench: Bench;
  const opened: HostInterface[] = [];

  beforeAll(async () => {
    rig = await startActivityRig();
  });
  afterAll(() => rig?.stop());
  beforeEach(async () => {
    machine = await startOpenVswitch();
    bench = await rig.addBackend();
  });
  afterEach(async () => {
    for (const hostInterface of opened.splice(0)) hostInterface.close();
    await machine.remove();
    await rig.devcloud.reset();
  });

  /** As a worker process on the machine has it. */
  const open = (
    more: { interface_driver?: 'bridge'; host?: string; admin_network_id?: string } = {},
    { cloud = rig.operator, run = machine.run } = {},
  ): HostInterface => {
    const options = {
      interface_driver: 'openvswitch' as const,
      ovs_integration_bridge: 'br-int',
      host: 'devcloud',
      service_network_name: bench.options.service_network_name,
      ...more,
    };
    const made = openHostInterface(options, cloud, run);
    opened.push(made);
    return made;
  };

  /** The port of an instance in a new share network's subnet. */
  const addInstance = async (id: string, cidr: string) => {
    const instanceId = `${bench.backend}-${id}`;
    const ref = { backend: bench.backend, shareNetwork: await rig.addShareNetwork(bench, cidr) };
    const { address } = await bench.retried.ensureServerPort({ ...ref, instanceId });
    const remove = async () => {
      await bench.steps.deleteServerPort({ backend: bench.backend, instanceId });
      await bench.retried.releaseServiceNetwork(ref);
    };
    return { address, remove };
  };

  const hostPorts = async () => {
    const networks = await rig.operator.network.listNetworks({
      name: bench.options.service_network_name,
    });
    const ports = await rig.operator.network.listPorts({ device_owner: 'hawser:host' });
    return ports.filter(({ networkId }) => networks.some(({ id }) => id === networkId));
  };

  const addresses = async (): Promise<string[]> => {
    const shown = await machine.run('ip', '-brief', '-4', 'address', 'show');
    return shown
      .split(/\s+/)
      .filter((word) => word.includes('/'))
      .toSorted();
  };

  /** The same project in another region, whose Neutron knows none of the ports here. */
  const openElsewhere = async () => {
    const error = { type: 'PortNotFound', message: 'Port could not be found.', detail: '' };
    const neutron = createServer((_request, response) => {
      response.writeHead(404).end(JSON.stringify({ NeutronError: error }));
    });
    neutron.listen(0, '127.0.0.1');
    await once(neutron, 'listening');
    const { port } = neutron.address() as AddressInfo;
    const env = { OS_CLIENT_CONFIG_FILE: rig.devcloud.cloudsYaml };
    const cloud = connectCloud({
      ...loadCloudConfig({ cloud: 'hawser', env }),
      endpointOverrides: { network: `http://127.0.0.1:${port}` },
    });
    const close = async () => {
      await cloud.session.close();
      neutron.close();
    };
    return { cloud, close };
  };

  const devices = async (): Promise<string[]> =>
    (await listDevices(machine.run))
      .map(({ name }) => name)
      .filter((name) => name.startsWith('tap'));

  /** The machine's programs; something happens each time before a device's addresses are looked at. */
  const beforeAddresses =
    (happens: () => Promise<unknown>): Run =>
    async (...command) => {
      if (command.slice(0, 4).join(' ') === 'ip -json address show') await happens();
      return machine.run(...command);
    };

  const wanted = async (): Promise<string[]> =>
    (await hostPorts())
      .flatMap(({ fixedIps }) => fixedIps.map(({ ipAddress }) => `${ipAddress}/28`))
      .toSorted();

  test('gets an address on each subnet that it connects to, and on no other', async () => {
    const host = open();
    const one = await addInstance('i-1', '10.20.1.0/24');
    const two = await addInstance('i-2', '10.20.2.0/24');
    await host.reach(one.address);
    expect(await wanted()).toHaveLength(1);
    expect(await addresses()).toEqual(await wanted());
    await host.reach(two.address);
    expect(await hostPorts()).toHaveLength(1);
    expect(await wanted()).toHaveLength(2);
    expect(await addresses()).toEqual(await wanted());
  });

  test('has one port for many who connect at once, in two processes', async () => {
    const [one, two] = [open(), open()];
    const { address } = await addInstance('i-1', '10.20.1.0/24');
    const reached = Array.from({ length: 5 }, () => [one.reach(address), two.reach(address)]);
    await Promise.allSettled(reached.flat());
    await two.reach(address);
    await one.reach(address);
    expect(await hostPorts()).toHaveLength(1);
    expect(await addresses()).toEqual(await wanted());
    expect(await devices()).toHaveLength(1);
  });

  test('keeps the addresses of both subnets that two processes join at once', async () => {
    const one = await addInstance('i-1', '10.20.1.0/24');
    const two = await addInstance('i-2', '10.20.2.0/24');
    let letGo: () => void = () => undefined;
    const both = new Promise<void>((resolve) => (letGo = resolve));
    let arrive: () => void = () => undefined;
    const arrived = new Promise<void>((resolve) => (arrive = resolve));
    // It knows the port as it was before the other changed it.
    const slow = open({}, { run: beforeAddresses(async () => (arrive(), both)) });
    const late = slow.reach(one.address);
    await arrived;
    await open().reach(two.address);
    letGo();
    await late;
    expect(await addresses()).toHaveLength(2);
    expect(await addresses()).toEqual(await wanted());
  });

  test('tries again later where its port is changed all the time', async () => {
    const { address } = await addInstance('i-1', '10.20.1.0/24');
    let changes = 0;
    const change = async () => {
      changes += 1;
      const [port] = await hostPorts();
      await rig.operator.network.updatePort(port?.id ?? '', { name: port?.name ?? '' });
    };
    const host = open({}, { run: beforeAddresses(change) });
    await expect(host.reach(address)).rejects.toMatchObject({
      name: 'HostInterfaceNotReady',
      message: expect.stringContaining('changed all the time'),
    });
    expect(changes).toBeGreaterThan(1);
    await open().reach(address);
    expect(await addresses()).toEqual(await wanted());
  });

  test("keeps the devices of another region's network, which its own does not know", async () => {
    const { address } = await addInstance('i-1', '10.20.1.0/24');
    await open().reach(address);
    const { cloud, close } = await openElsewhere();
    try {
      await open({}, { cloud }).tidy();
    } finally {
      await close();
    }
    expect(await addresses()).toHaveLength(1);
    expect(await addresses()).toEqual(await wanted());
  });

  test('holds up nobody while the agent does not plug its port', async () => {
    const { address } = await addInstance('i-1', '10.20.1.0/24');
    const host = open({}, { cloud: withoutAgent(rig.operator) });
    const waiting = host.reach(address);
    await expect.poll(addresses, { timeout: 30_000 }).toHaveLength(1);
    const tidied = host.tidy().then(() => 'tidied');
    expect(await Promise.race([waiting, tidied])).toBe('tidied');
    const ended = expect(waiting).rejects.toThrow(/closed|aborted/);
    host.close();
    await ended;
  });

  test('is whole again after the host lost its devices', async () => {
    const { address } = await addInstance('i-1', '10.20.1.0/24');
    await open().reach(address);
    const [port] = await hostPorts();
    await machine.run('ovs-vsctl', 'del-port', 'br-int', `tap${port?.id.slice(0, 11)}`);
    expect(await addresses()).toEqual([]);
    await open().reach(address);
    expect(await addresses()).toEqual(await wanted());
  });

  test('leaves a subnet that is given back, and keeps nothing after the last', async () => {
    const host = open();
    const one = await addInstance('i-1', '10.20.1.0/24');
    const two = await addInstance('i-2', '10.20.2.0/24');
    await host.reach(one.address);
    await host.reach(two.address);
    await one.remove();
    await host.tidy();
    expect(await wanted()).toHaveLength(1);
    expect(await addresses()).toEqual(await wanted());
    await two.remove();
    await host.tidy();
    expect(await hostPorts()).toEqual([]);
    expect(await devices()).toEqual([]);
  });

  test('gives up the device of a port that is gone when it connects again', async () => {
    const host = open();
    const before = await addInstance('i-1', '10.20.1.0/24');
    await host.reach(before.address);
    await before.remove();
    // Another worker gave the subnet back, so that this host was told nothing.
    const after = await addInstance('i-2', '10.20.2.0/24');
    expect(after.address.split('.').slice(0, 3)).toEqual(before.address.split('.').slice(0, 3));
    await open().reach(after.address);
    expect(await addresses()).toEqual(await wanted());
  });

  test('tries again where its port is deleted by another who gives a subnet back', async () => {
    const host = open();
    const one = await addInstance('i-1', '10.20.1.0/24');
    const two = await addInstance('i-2', '10.20.2.0/24');
    await host.reach(one.address);
    const change = await holdRequest(rig.devcloud, 'port.update');
    const late = host.reach(two.address);
    const gone = expect(late).rejects.toMatchObject({ name: 'HostInterfaceNotReady' });
    await change.arrived();
    await one.remove();
    await change.release();
    await gone;
    await host.reach(two.address);
    expect(await addresses()).toEqual(await wanted());
    expect(await wanted()).toHaveLength(1);
  });

  test('tries again where the subnet that it joins is given back by another', async () => {
    const host = open();
    const one = await addInstance('i-1', '10.20.1.0/24');
    const two = await addInstance('i-2', '10.20.2.0/24');
    await host.reach(one.address);
    const change = await holdRequest(rig.devcloud, 'port.update');
    const late = host.reach(two.address);
    const gone = expect(late).rejects.toMatchObject({ name: 'HostInterfaceNotReady' });
    await change.arrived();
    await two.remove();
    await change.release();
    await gone;
    expect(await wanted()).toHaveLength(1);
    expect(await addresses()).toEqual(await wanted());
  });

  test('says which driver is the right one', async () => {
    const { address } = await addInstance('i-1', '10.20.1.0/24');
    await expect(open({ interface_driver: 'bridge' }).reach(address)).rejects.toMatchObject({
      name: 'HostInterfaceUnusable',
      message: expect.stringContaining('interface_driver: openvswitch'),
    });
  });

  test('says under which name no agent runs, and works as soon as one does', async () => {
    const { address } = await addInstance('i-1', '10.20.1.0/24');
    await expect(open({ host: 'other-name' }).reach(address)).rejects.toMatchObject({
      name: 'HostInterfaceNotReady',
      message: expect.stringMatching(/host other-name.*set host/s),
    });
    expect(await addresses()).toEqual([]);
    await open().reach(address);
    expect(await addresses()).toHaveLength(1);
  });

  test('leads into the admin network, where instances have a port there', async () => {
    const { network } = rig.operator;
    const { id: networkId } = await network.createNetwork({ name: `admin-${bench.backend}` });
    const { id: subnetId } = await network.createSubnet({
      networkId,
      cidr: '172.30.0.0/24',
      ipVersion: 4,
    });
    bench = await rig.addBackend({ admin_network_id: networkId, admin_subnet_id: subnetId });
    const { address, remove } = await addInstance('i-1', '10.20.1.0/24');
    expect(address).toMatch(/^172\.30\.0\./);
    const hostInterface = open({ admin_network_id: networkId });
    await hostInterface.reach(address);
    const ports = await network.listPorts({ network_id: networkId, device_owner: 'hawser:host' });
    expect(ports).toMatchObject([{ fixedIps: [{ subnetId }] }]);
    expect(await addresses()).toEqual([`${ports[0]?.fixedIps[0]?.ipAddress}/24`]);
    await expect(open().reach(address)).rejects.toThrow(/service network/);
    await remove();
    await hostInterface.tidy();
    expect(await addresses()).toEqual([]);
    await network.deleteNetwork(networkId);
  });

  test('is not asked for an address that no instance has', async () => {
    await addInstance('i-1', '10.20.1.0/24');
    await expect(open().reach('192.0.2.1')).rejects.toMatchObject({
      name: 'HostInterfaceNotReady',
      message: expect.stringContaining('192.0.2.1'),
    });
    expect(await hostPorts()).toEqual([]);
  });
});

/** As Neutron tells of ports that no agent has plugged yet. */
function withoutAgent(cloud: Cloud): Cloud {
  const down = (port: Port): Port => ({ ...port, status: 'DOWN' });
  return {
    ...cloud,
    withSignal: (signal) => {
      const clients = cloud.withSignal(signal);
      const { getPort, listPorts } = clients.network;
      const network: Networks = {
        ...clients.network,
        getPort: async (id) => down(await getPort(id)),
        listPorts: async (filter) => (await listPorts(filter)).map(down),
      };
      return { ...clients, network };
    },
  };
}
