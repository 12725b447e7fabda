import type { Cloud } from '../openstack/index.js';

export interface TenantNetwork {
  name: string;
  subnetId: string;
  remove(): Promise<void>;
}

/** A network of the tenant's with a subnet behind a router of its own. */
export async function createTenantNetwork(
  { network }: Cloud,
  name: string,
  cidr: string,
): Promise<TenantNetwork> {
  const { id: networkId } = await network.createNetwork({ name });
  const subnet = await network.createSubnet({ name, networkId, cidr, ipVersion: 4 });
  const router = await network.createRouter({ name });
  await network.addRouterInterface(router.id, { subnetId: subnet.id });
  return {
    name,
    subnetId: subnet.id,
    remove: async () => {
      await network.removeRouterInterface(router.id, { subnetId: subnet.id });
      await network.deleteRouter(router.id);
      await network.deleteSubnet(subnet.id);
      await network.deleteNetwork(networkId);
    },
  };
}
