import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { listDevices } from '../../host-interface/devices.js';
import { createOpenVswitchPlugger } from '../../host-interface/open-vswitch.js';
import type { Run } from '../../host-interface/programs.js';
import { noOpenVswitch, startOpenVswitch } from '../support/open-vswitch.js';

const port = () => ({ portId: randomUUID(), mac: 'fa:16:3e:00:00:07', mtu: 1450 });

describe.skipIf(noOpenVswitch)('a port on a host with Open vSwitch', () => {
  let host: Awaited<ReturnType<typeof startOpenVswitch>>;
  let run: Run;
  beforeAll(async () => {
    host = await startOpenVswitch();
    run = host.run;
  });
  afterAll(() => host?.remove());

  const ports = async () => (await run('ovs-vsctl', 'list-ports', 'br-int')).split('\n');

  test('is an internal port that says whose it is, with MAC address and MTU', async () => {
    const plugger = createOpenVswitchPlugger(run, 'p', 'br-int');
    await plugger.check();
    const one = port();
    await plugger.plug(one);
    await plugger.plug(one);
    const device = plugger.deviceOf(one.portId);
    expect(device).toBe(`tap${one.portId.slice(0, 11)}`);
    expect(await ports()).toContain(device);
    const devices = await listDevices(run);
    expect(devices.find(({ name }) => name === device)).toMatchObject({
      mac: one.mac,
      mtu: 1450,
      up: true,
    });
    const id = async (key: string) =>
      (await run('ovs-vsctl', 'get', 'Interface', device, `external_ids:${key}`)).trim();
    expect(await id('iface-id')).toBe(`"${one.portId}"`);
    expect(await id('attached-mac')).toBe(`"${one.mac}"`);
    expect(await id('iface-status')).toBe('active');
  });

  test('is found among the ports of others, and goes', async () => {
    const plugger = createOpenVswitchPlugger(run, 'another', 'br-int');
    const one = port();
    await run(
      'ovs-vsctl',
      'add-port',
      'br-int',
      'stranger',
      '--',
      'set',
      'Interface',
      'stranger',
      'type=internal',
    );
    await plugger.plug(one);
    expect(await plugger.plugged()).toEqual([one.portId]);
    await plugger.unplug(one.portId);
    await plugger.unplug(one.portId);
    expect(await plugger.plugged()).toEqual([]);
    expect(await ports()).not.toContain(plugger.deviceOf(one.portId));
    expect(await ports()).toContain('stranger');
  });

  test('has no place without the integration bridge, and the option is named', async () => {
    const plugger = createOpenVswitchPlugger(run, 'p', 'br-none');
    await expect(plugger.check()).rejects.toMatchObject({
      name: 'HostInterfaceUnusable',
      message: expect.stringMatching(/br-none.*ovs_integration_bridge/),
    });
  });
});
