import { setTimeout as sleep } from 'node:timers/promises';
import type { Networks, Port } from '../openstack/network.js';
import { HostInterfaceNotReady, HostInterfaceUnusable } from './errors.js';
import { isBound } from './host-port.js';

/**
 * How long the L2 agent may take: it looks for new devices every two seconds, busy ones take longer. With all that
 * comes before it, this is shorter than a login by SSH may take, or nobody would be left to be told the reason.
 */
const AGENT_LIMIT_MS = 10_000;
const LOOK_AGAIN_MS = 500;

const drivers: Partial<Record<string, string>> = { bridge: 'bridge', ovs: 'openvswitch' };

/** @throws HostInterfaceNotReady without an L2 agent, HostInterfaceUnusable with one of another kind than ours */
export function requireBinding(port: Port, host: string, vifType: string): void {
  if (!isBound(port)) {
    throw new HostInterfaceNotReady(
      `Neutron cannot bind port ${port.id} to host ${host} (${port.vifType}): no L2 agent that is alive has this ` +
        'name. Start it on this host, or set host to the name by which "openstack network agent list" knows it',
    );
  }
  if (port.vifType === '' || port.vifType === vifType) return;
  const advice = drivers[port.vifType];
  throw new HostInterfaceUnusable(
    `Neutron has bound port ${port.id} on host ${host} as "${port.vifType}", which the configured driver cannot ` +
      `plug; set interface_driver: ${advice ?? 'noop, and route this host to the service network'}`,
  );
}

/** Returns when the port is ACTIVE. @throws HostInterfaceNotReady if the agent takes too long */
export async function waitForAgent(
  network: Networks,
  { id, status: seen }: Port,
  host: string,
  signal: AbortSignal,
): Promise<void> {
  if (seen === 'ACTIVE') return;
  const deadline = performance.now() + AGENT_LIMIT_MS;
  for (;;) {
    const { status } = await network.getPort(id);
    if (status === 'ACTIVE') return;
    if (performance.now() > deadline) {
      throw new HostInterfaceNotReady(
        `The L2 agent of host ${host} has not plugged port ${id} within ${AGENT_LIMIT_MS / 1000} s ` +
          `(${status}); its log may tell why`,
      );
    }
    await sleep(LOOK_AGAIN_MS, undefined, { signal });
  }
}
