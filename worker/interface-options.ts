import { hostname } from 'node:os';
import ipaddr from 'ipaddr.js';
import { z } from 'zod';
import { option } from './options/option.js';

const manilaClass = 'manila.network.linux.interface';

const drivers: Record<string, 'noop' | 'bridge' | 'openvswitch'> = {
  noop: 'noop',
  bridge: 'bridge',
  openvswitch: 'openvswitch',
  [`${manilaClass}.NoopInterfaceDriver`]: 'noop',
  [`${manilaClass}.BridgeInterfaceDriver`]: 'bridge',
  [`${manilaClass}.OVSInterfaceDriver`]: 'openvswitch',
};

/** How this host gets into the service network, by Manila's names; its class paths mean the same. */
export const interfaceOptions = {
  interface_driver: option(
    z
      .enum(Object.keys(drivers))
      .transform((name) => drivers[name] ?? 'noop')
      .default('noop'),
    {
      meaning:
        "noop: the host is routed to the service network; bridge, openvswitch: it gets a port there; Manila's class paths work too",
      manilaDefault: `${manilaClass}.OVSInterfaceDriver`,
    },
  ),
  ovs_integration_bridge: option(z.string().min(1).default('br-int'), {
    meaning: 'the bridge of the Open vSwitch agent',
  }),
  host: option(z.string().min(1).default(hostname), {
    meaning: "this host's name as its L2 agent reports it (`openstack network agent list`)",
    defaultInWords: "the host's name",
  }),
};

interface Placed {
  name: string;
  interface_driver: string;
  os_cloud?: string | undefined;
  os_client_config_file?: string | undefined;
  service_network_name: string;
  service_network_cidr: string;
}

/** One host cannot be in two networks with the same addresses. */
export function interfaceConflicts(backends: Placed[]): string[] {
  const plugged = backends.filter((one) => one.interface_driver !== 'noop');
  return plugged.flatMap((one, at) =>
    plugged
      .slice(0, at)
      .filter((other) => networkOf(one) !== networkOf(other) && overlap(one, other))
      .map(
        (other) =>
          `backends.${one.name}.service_network_cidr: overlaps that of ${other.name}, which is another network; ` +
          `with interface_driver ${one.interface_driver} this host is in both`,
      ),
  );
}

const networkOf = (one: Placed): string =>
  JSON.stringify([one.os_client_config_file, one.os_cloud, one.service_network_name]);

function overlap(one: Placed, other: Placed): boolean {
  const [a, aBits] = ipaddr.IPv4.parseCIDR(one.service_network_cidr);
  const [b, bBits] = ipaddr.IPv4.parseCIDR(other.service_network_cidr);
  return a.match(b, Math.min(aBits, bBits));
}
