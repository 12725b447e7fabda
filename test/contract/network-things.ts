import { onTestFinished } from 'vitest';
import type { Cloud } from '../../openstack/index.js';
import type {
  Network,
  NewNetwork,
  NewPort,
  NewSubnet,
  Port,
  Router,
  SecurityGroup,
  Subnet,
} from '../../openstack/network.js';
import { type Later, newName } from './clouds.js';

/** Makes things that go again, the last made first: by default when the test ends. */
export function networkThings({ network: neutron }: Cloud, later: Later = onTestFinished) {
  return {
    network: async (more: NewNetwork = {}): Promise<Network> => {
      const made = await neutron.createNetwork({ name: newName('network'), ...more });
      later(() => neutron.deleteNetwork(made.id));
      return made;
    },

    subnet: async (
      networkId: string,
      cidr: string,
      more: Partial<NewSubnet> = {},
    ): Promise<Subnet> => {
      const name = newName('subnet');
      // DHCP takes its time on a real cloud, and few tests are about it.
      const spec = { name, networkId, cidr, ipVersion: 4, enableDhcp: false, ...more } as const;
      const made = await neutron.createSubnet(spec);
      later(() => neutron.deleteSubnet(made.id));
      return made;
    },

    port: async (networkId: string, more: Partial<NewPort> = {}): Promise<Port> => {
      const made = await neutron.createPort({ name: newName('port'), networkId, ...more });
      later(() => neutron.deletePort(made.id));
      return made;
    },

    securityGroup: async (name = newName('group'), description = ''): Promise<SecurityGroup> => {
      const made = await neutron.createSecurityGroup({ name, description });
      later(() => neutron.deleteSecurityGroup(made.id));
      return made;
    },

    router: async (): Promise<Router> => {
      const made = await neutron.createRouter({ name: newName('router') });
      later(() => neutron.deleteRouter(made.id));
      return made;
    },

    routerInterface: async (routerId: string, subnetId: string): Promise<string> => {
      const { portId } = await neutron.addRouterInterface(routerId, { subnetId });
      later(() => neutron.removeRouterInterface(routerId, { subnetId }).catch(() => {}));
      return portId;
    },
  };
}
