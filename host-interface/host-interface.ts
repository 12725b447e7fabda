import pLimit from 'p-limit';
import { isNotFound } from '../openstack/errors.js';
import type { Cloud } from '../openstack/index.js';
import type { Networks, Port } from '../openstack/network.js';
import { setAddresses } from './devices.js';
import { HostInterfaceNotReady } from './errors.js';
import { ensureHostPort, isPortOfHost } from './host-port.js';
import { contains, locate, withPrefix } from './locate.js';
import type { Plugger } from './plugger.js';
import { requireBinding, waitForAgent } from './port-state.js';
import type { Run } from './programs.js';

/** The way from this host to the service instances of a backend. */
export interface HostInterface {
  /** @throws HostInterfaceUnusable if this host cannot do its part. Changes nothing. */
  check(): Promise<void>;
  /**
   * Returns when this host has an address on the service or admin subnet of `address`, at a port of its own that its
   * L2 agent has plugged. Safe to repeat, and in many workers at once.
   *
   * @throws HostInterfaceUnusable, HostInterfaceNotReady, or an error of the cloud's client
   */
  reach(address: string): Promise<void>;
  /**
   * Removes this host's devices and addresses that belong to no port any more. Safe to repeat.
   *
   * @throws as `reach` does
   */
  tidy(): Promise<void>;
  /** Ends what is under way. */
  close(): void;
}

export interface HostInterfaceOptions {
  cloud: Cloud;
  /** As the L2 agent of this host calls it. */
  host: string;
  serviceNetworkName: string;
  adminNetworkId: string | null;
  run: Run;
  /** Made for the project and its Neutron, which are known after the first login. */
  pluggerFor: (owner: string) => Plugger;
}

/**
 * How long what was seen is believed. Somewhere else a subnet may be given back, and a device with an address
 * in its prefix then leads nowhere.
 */
const BELIEVED_MS = 10_000;

/** A port that is still being changed after so many looks is looked at later. */
const ROUNDS = 10;

interface Seen {
  prefixes: string[];
  /** On the clock of `performance.now()`. */
  until: number;
}

export function createHostInterface(options: HostInterfaceOptions): HostInterface {
  const { cloud, host, serviceNetworkName, adminNetworkId, run, pluggerFor } = options;
  const closing = new AbortController();
  const network: Networks = cloud.withSignal(closing.signal).network;
  const inTurn = pLimit(1);
  let seen: Seen = { prefixes: [], until: 0 };

  const login = async () => {
    const { projectId } = await cloud.session.authenticate(closing.signal);
    // Regions share a project, but no ports: to each other's Neutron, their devices would belong to no port.
    const neutron = await cloud.session.endpointOf('network', closing.signal);
    return { projectId, plugger: pluggerFor(`${projectId}@${neutron}`) };
  };

  const isSeen = (address: string): boolean =>
    performance.now() < seen.until && seen.prefixes.some((prefix) => contains(prefix, address));

  /** Ends with what the port has then: another process of this host may change both meanwhile. */
  async function giveAddresses(plugger: Plugger, known: Port): Promise<string[]> {
    let port = known;
    for (let round = 1; round <= ROUNDS; round += 1) {
      const subnets = await network.listSubnets({ network_id: port.networkId });
      const addresses = withPrefix(port.fixedIps, subnets);
      await setAddresses(run, plugger.deviceOf(port.id), addresses);
      const before = port.revisionNumber;
      port = await network.getPort(port.id);
      if (port.revisionNumber === before) return addresses;
    }
    throw new HostInterfaceNotReady(`Port ${port.id} is being changed all the time`);
  }

  async function removeOutdated(plugger: Plugger, except?: string): Promise<void> {
    for (const portId of await plugger.plugged()) {
      if (portId === except) continue;
      const port = await network.findPort(portId);
      if (!port || !isPortOfHost(port, host)) {
        await plugger.unplug(portId);
      } else {
        await giveAddresses(plugger, port);
      }
    }
  }

  async function join(address: string): Promise<{ port: Port; joined: Seen }> {
    const { projectId, plugger } = await login();
    const place = await locate(
      network,
      { name: serviceNetworkName, projectId, adminNetworkId },
      address,
    );
    const port = await ensureHostPort(network, { host, ...place });
    requireBinding(port, host, plugger.vifType);
    await plugger.plug({ portId: port.id, mac: port.macAddress, mtu: place.mtu });
    // Two devices with addresses in one prefix would be two ways to it, of which the older may be dead.
    await removeOutdated(plugger, port.id);
    const prefixes = await giveAddresses(plugger, port);
    return { port, joined: { prefixes, until: performance.now() + BELIEVED_MS } };
  }

  async function connect(address: string): Promise<void> {
    const done = await inTurn(async () => {
      closing.signal.throwIfAborted();
      return isSeen(address) ? undefined : join(address);
    });
    if (!done) return;
    // Out of turn: while an agent is away, those who are waiting for it would only hold each other up.
    await waitForAgent(network, done.port, host, closing.signal);
    seen = done.joined;
  }

  return {
    check: async () => pluggerFor('').check(),

    async reach(address) {
      if (!isSeen(address)) await connect(address).catch(explainGone);
    },

    async tidy() {
      await inTurn(async () => {
        closing.signal.throwIfAborted();
        seen = { prefixes: [], until: 0 };
        const { plugger } = await login();
        await removeOutdated(plugger).catch(explainGone);
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
