import type { Cloud } from '../openstack/index.js';
import { createBridgePlugger } from './bridge.js';
import { type HostInterface, createHostInterface } from './host-interface.js';
import { createOpenVswitchPlugger } from './open-vswitch.js';
import { type Run, createRun } from './programs.js';

export type { HostInterface } from './host-interface.js';
export { isHostPort, releaseHostPorts } from './host-port.js';

export interface InterfaceOptions {
  interface_driver: 'noop' | 'bridge' | 'openvswitch';
  ovs_integration_bridge: string;
  host: string;
  service_network_name: string;
  admin_network_id?: string | null;
}

/** The way to a backend's service instances that its options name. Speaks to nobody and changes nothing yet. */
export function openHostInterface(
  options: InterfaceOptions,
  cloud: Cloud,
  run: Run = createRun(),
): HostInterface {
  const { interface_driver: driver, ovs_integration_bridge: bridge } = options;
  if (driver === 'noop') return noInterface;
  return createHostInterface({
    cloud,
    host: options.host,
    serviceNetworkName: options.service_network_name,
    adminNetworkId: options.admin_network_id ?? null,
    run,
    pluggerFor: (owner) =>
      driver === 'bridge'
        ? createBridgePlugger(run, owner)
        : createOpenVswitchPlugger(run, owner, bridge),
  });
}

/** The host is routed to the service network, or a proxy is. */
const noInterface: HostInterface = {
  check: async () => undefined,
  reach: async () => undefined,
  tidy: async () => undefined,
  close: () => undefined,
};
