import ipaddr from 'ipaddr.js';
import type { Subnet } from '../../openstack/network.js';
import type { BackendConfig } from '../config.js';
import { makesServers, textOf, type Check, type Finding } from './finding.js';

const markOfOurs = 'hawser:service_network=';

/** How many of the subnets that overlap are named. */
const SHOWN = 3;

/** With both, no service network is used: Manila talks to its servers by the admin network then. */
const usesServiceNetwork = (config: BackendConfig): boolean =>
  makesServers(config) &&
  !(
    config.connect_share_server_to_tenant_network &&
    textOf(config, 'admin_network_id') !== undefined
  );

/** The service network: one network of our project has its name, or none yet. */
export const checkServiceNetwork: Check = async ({ config, cloud, projectId }) => {
  const option = 'service_network_name';
  const name = config.service_network_name;
  if (!usesServiceNetwork(config)) return [];
  const networks = await cloud.network.listNetworks({ name, project_id: projectId });
  // Twins that two workers made at the same time go by themselves.
  const strangers = networks.filter(({ description }) => !description.startsWith(markOfOurs));
  if (networks.length < 2 || strangers.length === 0) return [];
  const ids = networks.map(({ id }) => id).join(', ');
  return [
    {
      option,
      text: `${networks.length} networks of this project are named ${name}: ${ids}; keep one`,
    },
  ];
};

/** Tenants in a subnet that overlaps the service network would not reach their shares. */
export const checkServiceAddresses: Check = async ({ config, cloud }) => {
  if (!usesServiceNetwork(config)) return [];
  const networks = await cloud.network.listNetworks();
  const serviceNetworks = networks.filter(
    ({ name, description }) =>
      name === config.service_network_name || description.startsWith(markOfOurs),
  );
  const subnets = await cloud.network.listSubnets({ ip_version: 4 });
  const inTheWay = subnets.filter(
    (subnet) =>
      !serviceNetworks.some(({ id }) => id === subnet.networkId) &&
      overlaps(subnet.cidr, config.service_network_cidr),
  );
  const ofAdmin = inTheWay.filter(({ id }) => id === textOf(config, 'admin_subnet_id'));
  const ofTenants = inTheWay.filter((subnet) => !ofAdmin.includes(subnet));
  return [...ofAdmin.map(adminOverlap), ...tenantOverlap(ofTenants)];
};

const adminOverlap = ({ id, cidr }: Subnet): Finding => ({
  option: 'service_network_cidr',
  text: `it overlaps admin_subnet_id ${id} (${cidr}): a service instance could not tell them apart`,
});

function tenantOverlap(subnets: Subnet[]): Finding[] {
  if (subnets.length === 0) return [];
  const shown = subnets.slice(0, SHOWN).map(({ id, name, cidr }) => `${name || id} (${cidr})`);
  const more = subnets.length > SHOWN ? ` and ${subnets.length - SHOWN} more` : '';
  const text = `it overlaps ${shown.join(', ')}${more}: clients there would not reach their shares`;
  return [{ option: 'service_network_cidr', text, warning: true }];
}

function overlaps(one: string, other: string): boolean {
  const [a, aBits] = ipaddr.IPv4.parseCIDR(one);
  const [b, bBits] = ipaddr.IPv4.parseCIDR(other);
  return a.match(b, Math.min(aBits, bBits));
}

/** The operator's own network, when service instances get a port there. */
export const checkAdminNetwork: Check = async ({ config, cloud }) => {
  const networkId = textOf(config, 'admin_network_id');
  const subnetId = textOf(config, 'admin_subnet_id');
  const findings: Finding[] = [];
  if (networkId !== undefined && !(await cloud.network.findNetwork(networkId))) {
    findings.push({ option: 'admin_network_id', text: `Neutron has no network ${networkId}` });
  }
  if (subnetId === undefined) return findings;
  const option = 'admin_subnet_id';
  const subnet = await cloud.network.findSubnet(subnetId);
  if (!subnet) return [...findings, { option, text: `Neutron has no subnet ${subnetId}` }];
  if (networkId === undefined || subnet.networkId === networkId) return findings;
  const text = `subnet ${subnetId} is of network ${subnet.networkId}, not of admin_network_id ${networkId}`;
  return [...findings, { option, text }];
};
