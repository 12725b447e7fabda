import { z } from 'zod';
import { listDevices, setDevice } from './devices.js';
import { HostInterfaceUnusable } from './errors.js';
import { type Plugger, shortId } from './plugger.js';
import { requireNetAdmin, type Run } from './programs.js';

const deviceOf = (portId: string): string => `tap${shortId(portId)}`;

const interfacesSchema = z.object({
  data: z.array(z.tuple([z.tuple([z.literal('map'), z.array(z.tuple([z.string(), z.string()]))])])),
});

/**
 * For Neutron's Open vSwitch agent and OVN: an internal port of the integration bridge, whose external ids tell
 * which of Neutron's ports it is.
 *
 * @param owner marks our devices among those of others
 */
export function createOpenVswitchPlugger(run: Run, owner: string, bridge: string): Plugger {
  const vsctl = async (...args: string[]) => run('ovs-vsctl', '--timeout=10', ...args);

  return {
    vifType: 'ovs',
    deviceOf,

    async check() {
      requireNetAdmin();
      await run('ip', '-Version');
      const bridges = (await vsctl('list-br')).split('\n');
      if (bridges.includes(bridge)) return;
      throw new HostInterfaceUnusable(
        `This host has no Open vSwitch bridge ${bridge}: set ovs_integration_bridge to the one of its L2 agent`,
      );
    },

    async plug({ portId, mac, mtu }) {
      const device = deviceOf(portId);
      // In one transaction, so that the agent never sees it half described.
      const add = ['--', '--may-exist', 'add-port', bridge, device];
      const set = ['--', 'set', 'Interface', device, 'type=internal'];
      const values = [
        `mac=${quoted(mac)}`,
        ...(mtu === null ? [] : [`mtu_request=${mtu}`]),
        `external_ids:iface-id=${quoted(portId)}`,
        'external_ids:iface-status=active',
        `external_ids:attached-mac=${quoted(mac)}`,
        `external_ids:hawser-owner=${quoted(owner)}`,
      ];
      await vsctl(...add, ...set, ...values);
      await setDevice(run, await listDevices(run), { name: device, mac, mtu });
    },

    async unplug(portId) {
      await vsctl('--if-exists', 'del-port', bridge, deviceOf(portId));
    },

    async plugged() {
      const ours = `external_ids:hawser-owner=${quoted(owner)}`;
      const columns = '--columns=external_ids';
      const found = await vsctl('--format=json', columns, 'find', 'Interface', ours);
      const { data } = interfacesSchema.parse(JSON.parse(found));
      return data.flatMap(([[, ids]]) =>
        ids.filter(([key]) => key === 'iface-id').map(([, portId]) => portId),
      );
    },
  };
}

/** As ovs-vsctl writes strings: unquoted, a colon or a dash may mean something to it. */
const quoted = (text: string): string => JSON.stringify(text);
