import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createBridgePlugger } from '../../host-interface/bridge.js';
import { listDevices, setAddresses } from '../../host-interface/devices.js';
import {
  createNamespace,
  noNamespaces,
  type NetworkNamespace,
} from '../support/network-namespace.js';

const port = () => ({ portId: randomUUID(), mac: 'fa:16:3e:00:00:07', mtu: 1450 });
const short = (portId: string) => portId.slice(0, 11);

describe.skipIf(noNamespaces)('a port on a host with a Linux bridge', () => {
  let host: NetworkNamespace;
  beforeEach(async () => {
    host = await createNamespace();
  });
  afterEach(() => host.remove());

  const deviceNamed = async (name: string) =>
    (await listDevices(host.run)).find((device) => device.name === name);

  test('is a pair of devices with the MAC address and the MTU of the port', async () => {
    const plugger = createBridgePlugger(host.run, 'p');
    const one = port();
    await plugger.plug(one);
    const ours = plugger.deviceOf(one.portId);
    expect(ours).toBe(`ns-${short(one.portId)}`);
    expect(await deviceNamed(ours)).toMatchObject({ mac: one.mac, mtu: 1450, up: true });
    expect(await deviceNamed(`tap${short(one.portId)}`)).toMatchObject({ mtu: 1450, up: true });
  });

  test('reaches another host on the bridge, once the agent has put its end there', async () => {
    const { run } = host;
    const plugger = createBridgePlugger(run, 'p');
    const one = port();
    await plugger.plug(one);
    await setAddresses(run, plugger.deviceOf(one.portId), ['10.254.0.2/28']);
    const other = await createNamespace();
    try {
      await run('ip', 'link', 'add', 'brq', 'up', 'type', 'bridge');
      await run('ip', 'link', 'set', 'dev', `tap${short(one.portId)}`, 'master', 'brq');
      const veth = ['type', 'veth', 'peer', 'name', 'eth0', 'netns', other.name];
      await run('ip', 'link', 'add', 'name', 'vm', 'up', 'master', 'brq', ...veth);
      await setAddresses(other.run, 'eth0', ['10.254.0.5/28']);
      await other.run('ip', 'link', 'set', 'dev', 'eth0', 'up');
      const neighbours = async () => run('ip', 'neigh', 'show', '10.254.0.5');
      await expect(run('bash', '-c', 'echo > /dev/tcp/10.254.0.5/22')).rejects.toThrow('refused');
      expect(await neighbours()).toMatch(/ns-.* REACHABLE/);
    } finally {
      await other.remove();
    }
  });

  test('is kept when it is plugged again, and put in order where somebody changed it', async () => {
    const plugger = createBridgePlugger(host.run, 'p');
    const one = port();
    const ours = plugger.deviceOf(one.portId);
    await plugger.plug(one);
    const index = await host.run('cat', `/sys/class/net/${ours}/ifindex`);
    await host.run('ip', 'link', 'set', 'dev', ours, 'down', 'mtu', '1300');
    await plugger.plug(one);
    expect(await deviceNamed(ours)).toMatchObject({ mtu: 1450, up: true });
    expect(await host.run('cat', `/sys/class/net/${ours}/ifindex`)).toBe(index);
  });

  test('has the addresses it should have: missing ones come, others go, the rest is not touched', async () => {
    const { run } = host;
    const plugger = createBridgePlugger(run, 'p');
    const one = port();
    const ours = plugger.deviceOf(one.portId);
    await plugger.plug(one);
    const addresses = async () => {
      const lines = (await run('ip', '-brief', 'address', 'show', 'dev', ours)).trim().split(/\s+/);
      return lines.filter((word) => word.includes('/') && !word.startsWith('fe80')).sort();
    };
    await setAddresses(run, ours, ['10.254.0.2/28', '10.254.0.18/28']);
    expect(await addresses()).toEqual(['10.254.0.18/28', '10.254.0.2/28']);
    await setAddresses(run, ours, ['10.254.0.18/28', '10.254.0.34/28', 'fd00::2/64']);
    expect(await addresses()).toEqual(['10.254.0.18/28', '10.254.0.34/28', 'fd00::2/64']);
    // On the link and nowhere else: no default route, nothing for the whole prefix.
    const routes = (await run('ip', 'route', 'show')).trim().split('\n');
    expect(routes.map((line) => line.split(' ', 1).join('')).sort()).toEqual([
      '10.254.0.16/28',
      '10.254.0.32/28',
    ]);
    await setAddresses(run, ours, []);
    expect(await addresses()).toEqual([]);
  });

  test('is found among the devices of others, and goes with both ends', async () => {
    const plugger = createBridgePlugger(host.run, 'p');
    const strangers = createBridgePlugger(host.run, 'another-project');
    const [one, other] = [port(), port()];
    await plugger.plug(one);
    await strangers.plug(other);
    await host.run('ip', 'link', 'add', 'ns-0123456789a', 'type', 'bridge');
    expect(await plugger.plugged()).toEqual([one.portId]);
    await plugger.unplug(one.portId);
    await plugger.unplug(one.portId);
    const left = (await listDevices(host.run)).map(({ name }) => name);
    expect(left.filter((name) => name.endsWith(short(one.portId)))).toEqual([]);
    expect(left).toContain('ns-0123456789a');
    expect(await strangers.plugged()).toEqual([other.portId]);
  });
});
