import { z } from 'zod';
import { createApi, saidTwice } from './api.js';
import { snakeKeys } from './case.js';
import * as field from './fields.js';
import { type Condition, createCollection } from './network-collection.js';
import {
  type Network,
  type NewNetwork,
  type NewPort,
  type NewRouter,
  type NewSecurityGroupRule,
  type NewSubnet,
  type Port,
  type Router,
  type SecurityGroup,
  type SecurityGroupRule,
  type Subnet,
  type networkFields,
  networkSchema,
  type portFields,
  portSchema,
  type routerFields,
  routerSchema,
  type securityGroupFields,
  type securityGroupRuleFields,
  securityGroupRuleSchema,
  securityGroupSchema,
  type subnetFields,
  subnetSchema,
} from './network-types.js';
import { path } from './query.js';
import type { Requester } from './session.js';

export type * from './network-types.js';

export type Networks = ReturnType<typeof createNetworks>;

type NamedCollection = 'networks' | 'subnets' | 'ports' | 'routers' | 'security-groups';

type Attachment = { subnetId: string } | { portId: string };

/**
 * Neutron. `find*` take an id and may return undefined, `get*` throw, `delete*` of what is gone is success.
 * Filters have Neutron's own names. Creations are NOT safe to repeat: a second call makes a second thing.
 */
export function createNetworks(requester: Requester) {
  const neutron = createApi(requester, 'network');
  const networks = createCollection<z.output<typeof networkFields>, Network>(neutron, {
    plural: 'networks',
    singular: 'network',
    schema: networkSchema,
  });
  const subnets = createCollection<z.output<typeof subnetFields>, Subnet>(neutron, {
    plural: 'subnets',
    singular: 'subnet',
    schema: subnetSchema,
  });
  const ports = createCollection<z.output<typeof portFields>, Port>(neutron, {
    plural: 'ports',
    singular: 'port',
    schema: portSchema,
  });
  const routers = createCollection<z.output<typeof routerFields>, Router>(neutron, {
    plural: 'routers',
    singular: 'router',
    schema: routerSchema,
  });
  const groups = createCollection<z.output<typeof securityGroupFields>, SecurityGroup>(neutron, {
    plural: 'security_groups',
    singular: 'security_group',
    schema: securityGroupSchema,
  });
  const rules = createCollection<z.output<typeof securityGroupRuleFields>, SecurityGroupRule>(
    neutron,
    {
      plural: 'security_group_rules',
      singular: 'security_group_rule',
      schema: securityGroupRuleSchema,
    },
  );

  return {
    createNetwork: async (network: NewNetwork) => networks.create(snakeKeys(network)),
    getNetwork: networks.get,
    findNetwork: networks.find,
    listNetworks: networks.list,
    updateNetwork: async (id: string, network: NewNetwork) =>
      networks.update(id, snakeKeys(network)),
    deleteNetwork: networks.remove,

    createSubnet: async (subnet: NewSubnet) => subnets.create(snakeKeys(subnet)),
    getSubnet: subnets.get,
    findSubnet: subnets.find,
    listSubnets: subnets.list,
    updateSubnet: async (id: string, subnet: Partial<Omit<NewSubnet, 'networkId' | 'cidr'>>) =>
      subnets.update(id, snakeKeys(subnet)),
    deleteSubnet: subnets.remove,

    createPort: async (port: NewPort) => ports.create(portRequest(port)),
    getPort: ports.get,
    findPort: ports.find,
    listPorts: ports.list,
    updatePort: async (
      id: string,
      port: Partial<Omit<NewPort, 'networkId'>>,
      condition?: Condition,
    ) => ports.update(id, portRequest(port), condition),
    deletePort: ports.remove,

    createRouter: async (router: NewRouter) => routers.create(routerRequest(router)),
    getRouter: routers.get,
    findRouter: routers.find,
    listRouters: routers.list,
    updateRouter: async (id: string, router: NewRouter) =>
      routers.update(id, routerRequest(router)),
    deleteRouter: routers.remove,

    createSecurityGroup: async (group: { name: string; description?: string | undefined }) =>
      groups.create(group),
    getSecurityGroup: groups.get,
    findSecurityGroup: groups.find,
    listSecurityGroups: groups.list,
    updateSecurityGroup: async (id: string, group: { name?: string; description?: string }) =>
      groups.update(id, group),
    deleteSecurityGroup: groups.remove,

    /** A rule that is there already answers 409. */
    createSecurityGroupRule: async (rule: NewSecurityGroupRule) => rules.create(snakeKeys(rule)),
    getSecurityGroupRule: rules.get,
    findSecurityGroupRule: rules.find,
    listSecurityGroupRules: rules.list,
    deleteSecurityGroupRule: rules.remove,

    /** With a subnet it makes a port at the subnet's gateway address. Repeated, it answers 400 or 409. */
    addRouterInterface: async (id: string, to: Attachment): Promise<{ portId: string }> => {
      const schema = z.object({ port_id: field.id });
      const call = { service: 'network', method: 'PUT' } as const;
      const { port_id } = await requester.request({
        ...call,
        path: path`/routers/${id}/add_router_interface`,
        body: snakeKeys(to),
        schema,
      });
      return { portId: port_id };
    },

    removeRouterInterface: async (id: string, from: Attachment): Promise<void> =>
      saidTwice(() =>
        neutron.send('PUT', path`/routers/${id}/remove_router_interface`, {
          body: snakeKeys(from),
        }),
      ),

    /** Replaces all tags. */
    setTags: async (collection: NamedCollection, id: string, tags: string[]): Promise<void> =>
      neutron.send('PUT', path`/${collection}/${id}/tags`, { body: { tags } }),
  };
}

const portRequest = ({ fixedIps, securityGroupIds, hostId, ...port }: Partial<NewPort>) => ({
  ...snakeKeys(port),
  'binding:host_id': hostId,
  fixed_ips: fixedIps?.map(snakeKeys),
  security_groups: securityGroupIds,
});

const routerRequest = ({ externalNetworkId, ...router }: NewRouter) => ({
  ...router,
  external_gateway_info: externalNetworkId && { network_id: externalNetworkId },
});
