import { listDevices, setDevice } from './devices.js';
import { type Plugger, shortId } from './plugger.js';
import { requireNetAdmin, type Run } from './programs.js';

const tapOf = (portId: string): string => `tap${shortId(portId)}`;
const deviceOf = (portId: string): string => `ns-${shortId(portId)}`;

/**
 * For Neutron's Linux bridge agent: a pair of devices, of which the agent puts `tap…` into the network's bridge
 * and `ns-…` is ours.
 *
 * @param owner marks our devices among those of others, which may have the same kind of name
 */
export function createBridgePlugger(run: Run, owner: string): Plugger {
  const prefix = `hawser:owner=${owner} port=`;

  return {
    vifType: 'bridge',
    deviceOf,

    async check() {
      requireNetAdmin();
      await run('ip', '-Version');
    },

    async plug({ portId, mac, mtu }) {
      const tap = tapOf(portId);
      const device = deviceOf(portId);
      let present = await listDevices(run);
      if (!present.some(({ name }) => name === device)) {
        await run('ip', 'link', 'add', 'name', tap, 'type', 'veth', 'peer', 'name', device);
        present = await listDevices(run);
      }
      await setDevice(run, present, { name: device, mac, mtu, alias: prefix + portId });
      await setDevice(run, present, { name: tap, mtu });
    },

    async unplug(portId) {
      const names = (await listDevices(run)).map(({ name }) => name);
      if (names.includes(deviceOf(portId))) await run('ip', 'link', 'del', 'dev', deviceOf(portId));
    },

    async plugged() {
      const ours = (await listDevices(run)).filter(({ alias }) => alias.startsWith(prefix));
      return ours.map(({ alias }) => alias.slice(prefix.length));
    },
  };
}
