import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { readState, writeState } from '../state-file.js';
import type { DesiredWires, Wire } from './desired-wires.js';
import { inNamespace, ipBatch, listNamespaces, runProgram } from './ip-command.js';
import type { Names } from './names.js';

const linkList = z.array(z.object({ ifname: z.string(), master: z.string().optional() }));
/** Each wire as it was made, by its plug: what the kernel does not tell at a glance. */
const wireRecords = z.record(z.string(), z.string());

interface Present {
  namespaces: Set<string>;
  /** Interfaces in the namespace of the wires, with the bridge they are plugged into. */
  links: Map<string, string | undefined>;
  records: Record<string, string>;
}

/**
 * Bridges, cables and namespaces in the kernel. Bridges have no addresses and no link leads to the
 * machine's own namespace, so nothing here reaches it.
 */
export class Wires {
  readonly #names: Names;
  readonly #recordFile: string;

  constructor(names: Names, dir: string) {
    this.#names = names;
    this.#recordFile = join(dir, 'wires.json');
  }

  /** Makes true what is desired; `keptTaps` are left alone whether desired or not. */
  async apply(desired: DesiredWires, keptTaps: ReadonlySet<string>): Promise<void> {
    const present = await this.#look();
    await this.#removeStale(present, desired, keptTaps);
    await this.#addNamespaces(present, desired);
    await this.#addLinks(present, desired);
    const missing = desired.wires.filter((wire) => present.records[wire.plug] !== record(wire));
    await this.#configure(missing);
    await writeState(
      this.#recordFile,
      Object.fromEntries(desired.wires.map((wire) => [wire.plug, record(wire)])),
    );
  }

  /** For when the namespaces were removed. */
  async forget(): Promise<void> {
    await rm(this.#recordFile, { force: true });
  }

  async #look(): Promise<Present> {
    const namespaces = new Set(await listNamespaces(this.#names.prefix));
    const { wires } = this.#names;
    const listed = namespaces.has(wires)
      ? linkList.parse(JSON.parse((await runProgram(['ip', '-n', wires, '-j', 'link'])) || '[]'))
      : [];
    const links = new Map(listed.map(({ ifname, master }) => [ifname, master]));
    const recorded = (await readState(this.#recordFile, wireRecords)) ?? {};
    const records = Object.fromEntries(
      Object.entries(recorded).filter(([plug]) => links.has(plug)),
    );
    return { namespaces, links, records };
  }

  async #removeStale(
    present: Present,
    desired: DesiredWires,
    keptTaps: ReadonlySet<string>,
  ): Promise<void> {
    const wanted = new Set([
      'lo',
      ...keptTaps,
      ...desired.taps.keys(),
      ...desired.bridges.map(({ name }) => name),
      ...desired.wires
        .filter((wire) => present.records[wire.plug] === record(wire))
        .map(({ plug }) => plug),
    ]);
    const stale = [...present.links.keys()].filter((name) => !wanted.has(name));
    if (stale.length > 0) {
      // Said first: a wire that is gone must not count as made when the next step fails.
      const kept = Object.entries(present.records).filter(([plug]) => wanted.has(plug));
      await writeState(this.#recordFile, Object.fromEntries(kept));
      await ipBatch(
        stale.map((name) => `link del ${name}`),
        this.#names.wires,
      );
      for (const name of stale) {
        present.links.delete(name);
        delete present.records[name];
      }
    }
    const needed = new Set([this.#names.wires, ...namespacesOf(desired)]);
    const old = [...present.namespaces].filter((name) => !needed.has(name));
    await ipBatch(old.map((name) => `netns del ${name}`));
  }

  async #addNamespaces(present: Present, desired: DesiredWires): Promise<void> {
    const missing = [this.#names.wires, ...namespacesOf(desired)].filter(
      (name) => !present.namespaces.has(name),
    );
    await ipBatch(missing.map((name) => `netns add ${name}`));
    for (const name of missing) {
      await ipBatch(['link set lo up'], name);
      if (desired.routers.has(name)) await forwardPackets(name);
    }
  }

  async #addLinks({ links, records }: Present, desired: DesiredWires): Promise<void> {
    const lines: string[] = [];
    for (const { name, mtu } of desired.bridges) {
      if (!links.has(name)) {
        lines.push(`link add ${name} type bridge stp_state 0 forward_delay 0 mcast_snooping 0`);
        lines.push(`link set ${name} mtu ${mtu} addrgenmode none up`);
      }
    }
    for (const wire of desired.wires) {
      if (records[wire.plug] === record(wire)) continue;
      const address = wire.macAddress ? `address ${wire.macAddress} ` : '';
      lines.push(
        `link add ${wire.plug} mtu ${wire.mtu} type veth peer name ${wire.interfaceName} ${address}mtu ${wire.mtu} netns ${wire.namespace}`,
        `link set ${wire.plug} master ${wire.bridge} addrgenmode none up`,
      );
    }
    for (const [name, { bridge, mtu }] of desired.taps) {
      if (!links.has(name)) lines.push(`tuntap add ${name} mode tap`);
      if (links.get(name) !== bridge) {
        lines.push(`link set ${name} master ${bridge} mtu ${mtu} addrgenmode none up`);
      }
    }
    await ipBatch(lines, this.#names.wires);
  }

  async #configure(wires: Wire[]): Promise<void> {
    for (const namespace of new Set(wires.map((wire) => wire.namespace))) {
      const own = wires.filter((wire) => wire.namespace === namespace);
      await ipBatch(own.flatMap(configuration), namespace);
    }
  }
}

function configuration({ interfaceName, addresses, routes }: Wire): string[] {
  return [
    `link set ${interfaceName} up`,
    ...addresses.map(
      (address) =>
        `addr add ${address} dev ${interfaceName}${address.includes(':') ? ' nodad' : ''}`,
    ),
    ...routes.map(({ destination, nexthop }) => `route replace ${destination} via ${nexthop}`),
  ];
}

async function forwardPackets(namespace: string): Promise<void> {
  const switchOn =
    'echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 2>/dev/null >/proc/sys/net/ipv6/conf/all/forwarding || :';
  await inNamespace(namespace, ['sh', '-c', switchOn]);
}

const record = (wire: Wire): string => JSON.stringify(wire);

const namespacesOf = (desired: DesiredWires): Set<string> =>
  new Set([
    ...desired.dhcp.keys(),
    ...desired.routers,
    ...desired.wires.map(({ namespace }) => namespace),
  ]);
