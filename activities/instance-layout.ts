import type { Subnet } from '../openstack/network.js';
import type { ShareNetwork } from '../workflows/model.js';
import type { Backend } from './backend.js';

/**
 * Where a service instance has ports. A share network without a router is one whose instances have a port in it;
 * behind a router they are reached through the service network.
 */
export interface InstanceLayout {
  tenant: boolean;
  service: boolean;
  admin: boolean;
}

export const hasAdminNetwork = ({ options }: Backend): boolean =>
  options.admin_network_id !== null && options.admin_subnet_id !== null;

export function layoutOf(backend: Backend, { routerId }: ShareNetwork): InstanceLayout {
  const tenant = routerId === null;
  const admin = hasAdminNetwork(backend);
  // With the tenant on one side and the operator on the other, nobody is left to use it.
  return { tenant, admin, service: !(tenant && admin) };
}

/** The operator's subnet in which instances have a port, if there is one. */
export async function adminSubnet({ cloud, options }: Backend): Promise<Subnet | undefined> {
  const { admin_subnet_id: id } = options;
  return id === null ? undefined : cloud.network.getSubnet(id);
}
