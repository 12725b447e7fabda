import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { listDevices } from '../../host-interface/devices.js';
import { openHostInterface, type HostInterface } from '../../host-interface/index.js';
import { createOpenVswitchPlugger } from '../../host-interface/open-vswitch.js';
import { startActivityRig, type ActivityRig, type Bench } from '../support/activities.js';
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
  const open = (more: { interface_driver?: 'bridge'; host?: string } = {}): HostInterface => {
    const options = {
      interface_driver: 'openvswitch' as const,
      ovs_integration_bridge: 'br-int',
      host: 'devcloud',
      service_network_name: bench.options.service_network_name,
      ...more,
    };
    const made = openHostInterface(options, rig.operator, machine.run);
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
    expect(
      await createOpenVswitchPlugger(
        machine.run,
        rig.operator.session.projectId,
        'br-int',
      ).plugged(),
    ).toHaveLength(1);
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
    const left = (await listDevices(machine.run)).map(({ name }) => name);
    expect(left.filter((name) => name.startsWith('tap'))).toEqual([]);
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
    await rig.planFault({ operation: 'port.update' }, { delayMs: 500 });
    const late = host.reach(two.address);
    const gone = expect(late).rejects.toMatchObject({ name: 'HostInterfaceNotReady' });
    await one.remove();
    await gone;
    await host.reach(two.address);
    expect(await addresses()).toEqual(await wanted());
    expect(await wanted()).toHaveLength(1);
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

  test('is not asked for an address that no instance has', async () => {
    await addInstance('i-1', '10.20.1.0/24');
    await expect(open().reach('192.0.2.1')).rejects.toMatchObject({
      name: 'HostInterfaceNotReady',
      message: expect.stringContaining('192.0.2.1'),
    });
    expect(await hostPorts()).toEqual([]);
  });
});
