import ipaddr from 'ipaddr.js';
import type {
  Networks,
  NewSecurityGroupRule,
  SecurityGroup,
  SecurityGroupRule,
} from '../openstack/network.js';
import { oldestOnly } from '../openstack/oldest-only.js';
import type { Backend } from './backend.js';
import { ignoreAnswer } from './ignore-status.js';
import { adminSubnet } from './instance-layout.js';
import { isOurs, mark } from './marks.js';
import { removeListed } from './lagging-lists.js';
import { unlessGone } from './unless-gone.js';
import { unlessInUse } from './unless-in-use.js';

/** The groups of an instance's ports. */
export interface InstanceGroups {
  /** What clients of shares need; with `limit_ssh_access` false it lets SSH in too. */
  securityGroupId: string;
  /** With `limit_ssh_access`: lets SSH in from the operator's side, on ports that are not in a tenant's network. */
  sshSecurityGroupId?: string;
}

type Rule = Omit<NewSecurityGroupRule, 'securityGroupId' | 'description'>;

/** Rules of ours are told by it from those that an operator added, which are left alone. */
const ruleMark = mark('rule', '');

const shareGroup = 'security_group';
const sshGroup = 'ssh_security_group';

/** The groups, their rules compared one by one. Safe to repeat. */
export async function ensureInstanceGroups(backend: Backend): Promise<InstanceGroups> {
  const securityGroupId = await ensureGroup(backend, {
    name: backend.options.service_instance_security_group,
    kind: shareGroup,
    rules: shareRules(backend),
  });
  if (!backend.options.limit_ssh_access) return { securityGroupId };
  const sshSecurityGroupId = await ensureGroup(backend, {
    name: sshGroupName(backend),
    kind: sshGroup,
    rules: await sshRules(backend),
  });
  return { securityGroupId, sshSecurityGroupId };
}

/** Deletes the groups if they are ours and nobody uses them. Safe to repeat. */
export async function deleteInstanceGroups(backend: Backend): Promise<void> {
  const { network } = backend.cloud;
  // Also the one for SSH where access is no longer limited.
  for (const [name, kind] of [
    [backend.options.service_instance_security_group, shareGroup],
    [sshGroupName(backend), sshGroup],
  ] as const) {
    await removeListed(
      () => groupsNamed(backend, name),
      async ({ id, description }) => {
        if (isOurs(kind, description)) await unlessInUse(network.deleteSecurityGroup(id));
      },
    );
  }
}

const sshGroupName = ({ options, name }: Backend): string =>
  `${options.service_instance_security_group}-ssh-${name}`;

async function groupsNamed({ cloud }: Backend, name: string): Promise<SecurityGroup[]> {
  const { projectId } = await cloud.session.authenticate();
  return cloud.network.listSecurityGroups({ name, project_id: projectId });
}

async function ensureGroup(
  backend: Backend,
  { name, kind, rules }: { name: string; kind: string; rules: Rule[] },
): Promise<string> {
  const { network } = backend.cloud;
  const group = await oldestOnly({
    find: () => groupsNamed(backend, name),
    look: network.findSecurityGroup,
    create: () => network.createSecurityGroup({ name, description: mark(kind, backend.name) }),
    remove: async ({ id, description }) => {
      if (isOurs(kind, description)) await unlessInUse(network.deleteSecurityGroup(id));
    },
  });
  await reconcile(network, group, { rules, groupIsOurs: isOurs(kind, group.description) });
  return group.id;
}

async function reconcile(
  network: Networks,
  { id: securityGroupId }: SecurityGroup,
  { rules, groupIsOurs }: { rules: Rule[]; groupIsOurs: boolean },
): Promise<void> {
  const present = await network.listSecurityGroupRules({
    security_group_id: securityGroupId,
    direction: 'ingress',
  });
  for (const rule of rules) {
    if (present.some((one) => isSame(one, rule))) continue;
    const made = network.createSecurityGroupRule({
      ...rule,
      securityGroupId,
      description: ruleMark,
    });
    // Somebody may have made the same rule meanwhile, or taken the group away.
    await ignoreAnswer(unlessGone(made), ({ code }) => code === 'SecurityGroupRuleExists');
  }
  for (const one of present) {
    const ours = one.description === ruleMark || (groupIsOurs && isSame(one, sshFromAnywhere));
    if (!ours || rules.some((rule) => isSame(one, rule))) continue;
    await network.deleteSecurityGroupRule(one.id);
  }
}

/** Neutron says null for anywhere, or the prefix that means it. */
const sourceOf = ({ remoteIpPrefix }: { remoteIpPrefix?: string | null | undefined }): string =>
  !remoteIpPrefix || remoteIpPrefix.endsWith('/0') ? 'anywhere' : remoteIpPrefix;

const isSame = (one: SecurityGroupRule, rule: Rule): boolean =>
  one.direction === rule.direction &&
  one.ethertype === rule.ethertype &&
  one.protocol === rule.protocol &&
  one.portRangeMin === (rule.portRangeMin ?? null) &&
  one.portRangeMax === (rule.portRangeMax ?? null) &&
  sourceOf(one) === sourceOf(rule) &&
  one.remoteGroupId === null;

const open = (protocol: string, port: number | null, from?: string): Rule => ({
  direction: 'ingress',
  ethertype: from !== undefined && ipaddr.parseCIDR(from)[0].kind() === 'ipv6' ? 'IPv6' : 'IPv4',
  protocol,
  portRangeMin: port,
  portRangeMax: port,
  remoteIpPrefix: from,
});

const sshFromAnywhere = open('tcp', 22);

/** What Manila opens, without WinRM: SMB, NFS with its helpers, ping, and SSH where it is not limited. */
const shareRules = ({ options }: Backend): Rule[] => [
  ...(options.limit_ssh_access ? [] : [sshFromAnywhere]),
  ...[111, 139, 445, 2049, 20048].map((port) => open('tcp', port)),
  ...[111, 2049, 20048].map((port) => open('udp', port)),
  open('icmp', null),
];

/** The service network and the admin subnet, where workers have ports, and where else the operator says. */
async function sshRules(backend: Backend): Promise<Rule[]> {
  const { service_network_cidr: service, ssh_allowed_from: more } = backend.options;
  const admin = await adminSubnet(backend);
  const sources = new Set([service, ...(admin ? [admin.cidr] : []), ...more].map(canonical));
  return [...sources].map((from) => open('tcp', 22, from));
}

/** As Neutron gives it back, or every look would find another rule than the one that was asked for. */
function canonical(prefix: string): string {
  const [, bits] = ipaddr.parseCIDR(prefix);
  const network = prefix.includes(':')
    ? ipaddr.IPv6.networkAddressFromCIDR(prefix)
    : ipaddr.IPv4.networkAddressFromCIDR(prefix);
  return `${network.toString()}/${bits}`;
}
