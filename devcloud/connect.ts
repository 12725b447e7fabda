import type { Server } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Cloud } from './cloud.js';
import { delay } from './fault-hooks.js';
import type { Gate } from './gate.js';
import type { Port } from './neutron/rows.js';

/**
 * `CONNECT 10.254.0.5:22` reaches a machine inside the cloud's networks from outside, as a bastion would.
 * Of several networks with that address, the header `X-Devcloud-Network: <id>` names one.
 */
export function serveConnect(server: Server, cloud: Cloud, gate: Gate): Tunnels {
  const clients = new Set<Duplex>();
  server.on('connect', (request, client: Duplex, head: Buffer) => {
    clients.add(client);
    client.on('close', () => clients.delete(client));
    client.on('error', () => client.destroy());
    const target = request.url ?? '';
    const network = request.headers['x-devcloud-network'];
    gate.passed
      .then(() => tunnel(cloud, target, typeof network === 'string' ? network : undefined))
      .then((machine) => (client.destroyed ? machine.destroy() : join(client, machine, head)))
      .catch((error: unknown) => {
        const reason = error instanceof Error ? error.message : String(error);
        refuse(client, reason);
      });
  });
  return {
    closeAll: () => {
      for (const client of clients) client.destroy();
    },
  };
}

export interface Tunnels {
  closeAll: () => void;
}

async function tunnel(
  cloud: Cloud,
  target: string,
  networkId: string | undefined,
): Promise<Duplex> {
  const { address, port } = parseTarget(target);
  const owner = portAt(cloud, address, networkId);
  if (port === 22) await strike(cloud, target, owner);
  if (!owner) throw new Error(`No port has the address ${address}`);
  return cloud.hosts.connect({ networkId: owner.networkId, address, port });
}

/** A planned fault of `ssh.connect`. */
async function strike({ faults }: Cloud, target: string, owner: Port | undefined): Promise<void> {
  const project = owner?.projectId;
  const fault = faults.forRequest({ operation: 'ssh.connect', project, path: target });
  if (fault) await delay(fault);
  if (fault?.status ?? fault?.reset) throw new Error(fault?.message ?? 'Planned failure');
}

function parseTarget(target: string): { address: string; port: number } {
  const [, v6, v4, port] = /^(?:\[([0-9a-f:]+)\]|([\d.]+)):(\d+)$/i.exec(target) ?? [];
  const address = v6 ?? v4;
  if (!address || !port) throw new Error(`"${target}" is not ADDRESS:PORT`);
  return { address, port: Number(port) };
}

/** Servers go before routers and DHCP, which have no SSH. */
function portAt(
  { tables }: Cloud,
  address: string,
  networkId: string | undefined,
): Port | undefined {
  const ports = tables.ports.where(
    (port) =>
      (!networkId || port.networkId === networkId) &&
      port.fixedIps.some(({ ipAddress }) => ipAddress === address),
  );
  return ports.find(({ deviceOwner }) => deviceOwner.startsWith('compute:')) ?? ports[0];
}

function join(client: Duplex, machine: Duplex, head: Buffer): void {
  client.write('HTTP/1.1 200 Connection established\r\n\r\n');
  if (head.length > 0) machine.write(head);
  client.pipe(machine).pipe(client);
  machine.on('error', () => client.destroy());
  machine.on('close', () => client.destroy());
  client.on('close', () => machine.destroy());
}

function refuse(client: Duplex, reason: string): void {
  const body = `${reason}\n`;
  client.end(
    `HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/plain\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}
