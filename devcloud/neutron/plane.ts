import type { Logger } from 'pino';
import type { Hosts, NetworkPlane } from '../hosts/hosts.js';
import type { Tables } from '../tables.js';

/** Keeps the wires under the cloud as Neutron's tables say. */
export class Plane {
  readonly #hosts: Hosts;
  readonly #tables: Tables;
  readonly #log: Logger;
  #applied = '';
  #working: Promise<void> = Promise.resolve();
  #planned = false;
  #stopped = false;

  constructor(hosts: Hosts, tables: Tables, log: Logger) {
    this.#hosts = hosts;
    this.#tables = tables;
    this.#log = log;
    const { networks, subnets, ports, routers } = tables;
    for (const table of [networks, subnets, ports, routers]) table.watch(() => this.#plan());
  }

  /** Resolves when the wires are as the tables are now; rejects when they could not be made so. */
  async settled(): Promise<void> {
    this.#planned = false;
    const work = this.#working.catch(() => undefined).then(() => this.#apply());
    this.#working = work;
    await work;
  }

  /** Returns when what is under way is done; nothing follows, or it would make anew what is being taken away. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#working.catch(() => undefined);
  }

  /** Many changes come together: they are applied at once. */
  #plan(): void {
    if (this.#planned) return;
    this.#planned = true;
    setImmediate(() => {
      if (!this.#planned) return;
      this.settled().catch((error: unknown) => {
        this.#log.error({ err: error }, 'The networks could not be made as they should be');
      });
    });
  }

  async #apply(): Promise<void> {
    if (this.#stopped) return;
    const plane = planeOf(this.#tables);
    const wanted = JSON.stringify(plane);
    if (wanted === this.#applied) return;
    this.#applied = '';
    await this.#hosts.applyNetworks(plane);
    this.#applied = wanted;
  }
}

export function planeOf({ networks, subnets, ports, routers }: Tables): NetworkPlane {
  return {
    networks: networks.all().map(({ id, mtu }) => ({ id, mtu })),
    subnets: subnets.all().map((row) => ({
      id: row.id,
      networkId: row.networkId,
      cidr: row.cidr,
      gatewayIp: row.gatewayIp,
      enableDhcp: row.enableDhcp,
      dnsNameservers: row.dnsNameservers,
      hostRoutes: row.hostRoutes,
    })),
    ports: ports.all().map((row) => ({
      id: row.id,
      networkId: row.networkId,
      macAddress: row.macAddress,
      fixedIps: row.fixedIps,
      deviceId: row.deviceId,
      deviceOwner: row.deviceOwner,
    })),
    routers: routers.all().map(({ id }) => ({
      id,
      portIds: ports
        .where(
          ({ deviceId, deviceOwner }) =>
            deviceId === id && deviceOwner.startsWith('network:router'),
        )
        .map((port) => port.id),
    })),
  };
}
