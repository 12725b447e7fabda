import { isNotFound } from '../openstack/errors.js';
import type { Cloud } from '../openstack/index.js';
import type { Networks, Port, Subnet } from '../openstack/network.js';
import { setAddresses } from './devices.js';
import { HostInterfaceNotReady } from './errors.js';
import { ensureHostPort, isPortOfHost } from './host-port.js';
import { contains, locate, withPrefix } from './locate.js';
import { oneAtATime } from './one-at-a-time.js';
import type { Plugger } from './plugger.js';
import { requireBinding, waitForAgent } from './port-state.js';
import type { Run } from './programs.js';

/** The way from this host to the service instances of a backend. */
export interface HostInterface {
  /** @throws HostInterfaceUnusable if this host cannot do its part. Changes nothing. */
  check(): Promise<void>;
  /**
   * Returns when this host has an address on the service subnet of `address`, at a port of its own that its
   * L2 agent has plugged. Safe to repeat, and in many workers at once.
   *
   * @throws HostInterfaceUnusable, HostInterfaceNotReady, or an error of the cloud's client
   */
  reach(address: string): Promise<void>;
  /** Removes this host's devices and addresses that belong to no port any more. Safe to repeat. */
  tidy(): Promise<void>;
  /** Ends what is under way. */
  close(): void;
}

export interface HostInterfaceOptions {
  cloud: Cloud;
  /** As the L2 agent of this host calls it. */
  host: string;
  serviceNetworkName: string;
  run: Run;
  /** Made for the project, whose id is known after the first login. */
  pluggerFor: (owner: string) => Plugger;
}

/**
 * How long what was seen is believed. Somewhere else a subnet may be given back, and a device with an address
 * in its prefix then leads nowhere.
 */
const BELIEVED_MS = 10_000;

export function createHostInterface(options: HostInterfaceOptions): HostInterface {
  const { cloud, host, serviceNetworkName, run, pluggerFor } = options;
  const closing = new AbortController();
  const network: Networks = cloud.withSignal(closing.signal).network;
  const inTurn = oneAtATime();
  let seen: { prefixes: string[]; until: number } = { prefixes: [], until: 0 };

  const login = async () => {
    const { projectId } = await cloud.session.authenticate(closing.signal);
    return { projectId, plugger: pluggerFor(projectId) };
  };

  const isSeen = (address: string): boolean =>
    performance.now() < seen.until && seen.prefixes.some((prefix) => contains(prefix, address));

  async function giveAddresses(plugger: Plugger, { id, fixedIps }: Port, subnets: Subnet[]) {
    const addresses = withPrefix(fixedIps, subnets);
    await setAddresses(run, plugger.deviceOf(id), addresses);
    return addresses;
  }

  async function removeOutdated(plugger: Plugger, except?: string): Promise<void> {
    for (const portId of await plugger.plugged()) {
      if (portId === except) continue;
      const port = await network.findPort(portId);
      if (!port || !isPortOfHost(port, host)) {
        await plugger.unplug(portId);
        continue;
      }
      const subnets = await network.listSubnets({ network_id: port.networkId });
      await giveAddresses(plugger, port, subnets);
    }
  }

  async function connect(address: string): Promise<void> {
    const { projectId, plugger } = await login();
    const place = await locate(network, { name: serviceNetworkName, projectId, address });
    const port = await ensureHostPort(network, { host, ...place });
    requireBinding(port, host, plugger.vifType);
    await plugger.plug({ portId: port.id, mac: port.macAddress, mtu: place.mtu });
    // Two devices with addresses in one prefix would be two ways to it, of which the older may be dead.
    await removeOutdated(plugger, port.id);
    const prefixes = await giveAddresses(plugger, port, place.subnets);
    await waitForAgent(network, port, host, closing.signal);
    seen = { prefixes, until: performance.now() + BELIEVED_MS };
  }

  return {
    check: async () => pluggerFor('').check(),

    async reach(address) {
      if (isSeen(address)) return;
      await inTurn(async () => {
        closing.signal.throwIfAborted();
        if (!isSeen(address)) await connect(address).catch(explainGone);
      });
    },

    async tidy() {
      await inTurn(async () => {
        closing.signal.throwIfAborted();
        seen = { prefixes: [], until: 0 };
        const { plugger } = await login();
        await removeOutdated(plugger);
      });
    },

    close: () => closing.abort(new Error('the host interface is closed')),
  };
}

/** Others give subnets back and delete ports meanwhile; the next look finds or makes them. */
function explainGone(error: unknown): never {
  if (!isNotFound(error)) throw error;
  throw new HostInterfaceNotReady(`Somebody is changing the service network: ${String(error)}`);
}
