import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { Caller } from '../api/caller.js';
import { intish } from '../api/parse.js';
import { operation } from '../api/service.js';
import type { Cloud } from '../cloud.js';
import { parsePrefix } from './addresses.js';
import {
  malformed,
  neutronError,
  securityGroupNotFound,
  securityGroupRuleNotFound,
} from './errors.js';
import { readRoutes } from './listing.js';
import {
  answer,
  checkQuota,
  commonFields,
  findOwn,
  newResource,
  parseResource,
  type Kind,
} from './resource.js';
import type { SecurityGroup, SecurityGroupRule } from './rows.js';

export const ruleKind: Kind<SecurityGroupRule> = {
  singular: 'security_group_rule',
  plural: 'security_group_rules',
  table: ({ tables }) => tables.securityGroupRules,
  missing: securityGroupRuleNotFound,
  view: (row) => ({
    security_group_id: row.securityGroupId,
    direction: row.direction,
    ethertype: row.etherType,
    protocol: row.protocol,
    port_range_min: row.portRangeMin,
    port_range_max: row.portRangeMax,
    remote_ip_prefix: row.remoteIpPrefix,
    normalized_cidr: row.remoteIpPrefix,
    remote_group_id: row.remoteGroupId,
    remote_address_group_id: null,
    belongs_to_default_sg: false,
  }),
};

type RuleFields = Pick<SecurityGroupRule, 'direction' | 'etherType'> & Partial<SecurityGroupRule>;

export function newRule(cloud: Cloud, group: SecurityGroup, rule: RuleFields): SecurityGroupRule {
  return cloud.tables.securityGroupRules.put({
    ...newResource({ projectId: group.projectId, isAdmin: true }, {}),
    securityGroupId: group.id,
    protocol: null,
    portRangeMin: null,
    portRangeMax: null,
    remoteIpPrefix: null,
    remoteGroupId: null,
    ...rule,
  });
}

const fields = z.strictObject({
  ...commonFields,
  security_group_id: z.string(),
  direction: z.enum(['ingress', 'egress']),
  ethertype: z
    .string()
    .transform((text) => text.replace(/^ipv/i, 'IPv'))
    .pipe(z.enum(['IPv4', 'IPv6']))
    .default('IPv4'),
  protocol: z
    .union([z.string(), z.number()])
    .transform((value) => String(value).toLowerCase())
    .nullish(),
  port_range_min: intish.nullish(),
  port_range_max: intish.nullish(),
  remote_ip_prefix: z.string().nullish(),
  remote_group_id: z.string().nullish(),
  remote_address_group_id: z.string().nullish(),
});

type Fields = z.output<typeof fields>;

const withPorts = ['tcp', 'udp', 'sctp', 'dccp', 'udplite', '6', '17', '132'];

export function securityGroupRuleRoutes(app: FastifyInstance, cloud: Cloud): void {
  readRoutes(app, cloud, ruleKind);
  const path = '/v2.0/security-group-rules';

  app.post(path, operation('security_group_rule.create'), (request, reply) => {
    const ask = parseResource('security_group_rule', fields, request.body);
    const row = createRule(cloud, request.caller, ask);
    return reply.status(201).send(answer(ruleKind, row, cloud, request.caller));
  });

  app.delete<{ Params: { id: string } }>(
    `${path}/:id`,
    operation('security_group_rule.delete'),
    (request, reply) => {
      const { id } = findOwn(ruleKind, cloud, request.caller, request.params.id);
      cloud.tables.securityGroupRules.delete(id);
      return reply.status(204).send();
    },
  );
}

function createRule(cloud: Cloud, caller: Caller, ask: Fields): SecurityGroupRule {
  const group = cloud.tables.securityGroups.get(ask.security_group_id);
  if (!group || !(caller.isAdmin || group.projectId === caller.projectId)) {
    throw securityGroupNotFound(ask.security_group_id);
  }
  const rule = ruleOf(ask);
  const twin = cloud.tables.securityGroupRules.find(
    (row) => row.securityGroupId === group.id && sameRule(row, rule),
  );
  if (twin) {
    throw neutronError(
      409,
      'SecurityGroupRuleExists',
      `Security group rule already exists. Rule id is ${twin.id}.`,
    );
  }
  const used = cloud.tables.securityGroupRules.where((row) => row.projectId === group.projectId);
  checkQuota(cloud, group.projectId, { resource: 'security_group_rule', used: used.length });
  return newRule(cloud, group, { ...rule, description: ask.description ?? '' });
}

type Rule = Pick<
  SecurityGroupRule,
  | 'direction'
  | 'etherType'
  | 'protocol'
  | 'portRangeMin'
  | 'portRangeMax'
  | 'remoteIpPrefix'
  | 'remoteGroupId'
>;

function ruleOf(ask: Fields): Rule {
  if (ask.remote_ip_prefix && ask.remote_group_id) {
    throw neutronError(
      400,
      'SecurityGroupMultipleRemoteEntites',
      'Only one of remote_ip_prefix or remote_group_id or remote_address_group_id may be provided.',
    );
  }
  checkPorts(ask);
  const prefix = ask.remote_ip_prefix ? wantedPrefix(ask.remote_ip_prefix, ask.ethertype) : null;
  return {
    direction: ask.direction,
    etherType: ask.ethertype,
    protocol: ask.protocol === 'any' ? null : (ask.protocol ?? null),
    portRangeMin: ask.port_range_min ?? null,
    portRangeMax: ask.port_range_max ?? null,
    remoteIpPrefix: prefix,
    remoteGroupId: ask.remote_group_id ?? null,
  };
}

function checkPorts({ protocol, port_range_min: min, port_range_max: max }: Fields): void {
  const given = min ?? max;
  if (given === undefined || given === null) return;
  if (!protocol) {
    throw neutronError(
      400,
      'SecurityGroupProtocolRequiredWithPorts',
      'Must also specify protocol if port range is given.',
    );
  }
  if (!withPorts.includes(protocol)) return;
  const outside = [min, max].find(
    (port) => port !== null && port !== undefined && (port < 0 || port > 65_535),
  );
  if (outside) {
    throw malformed(`Invalid input for port_range. Reason: Invalid port '${outside}'.`);
  }
  if (min === null || min === undefined || max === null || max === undefined || min > max) {
    throw neutronError(
      400,
      'SecurityGroupInvalidPortRange',
      'For TCP/UDP protocols, port_range_min must be <= port_range_max',
    );
  }
}

function wantedPrefix(text: string, etherType: string): string {
  const length = text.includes(':') ? 128 : 32;
  const prefix = parsePrefix(text.includes('/') ? text : `${text}/${length}`);
  if (!prefix) {
    throw malformed(
      `Invalid input for remote_ip_prefix. Reason: '${text}' is not a valid IP subnet.`,
    );
  }
  if (`IPv${prefix.version}` !== etherType) {
    throw neutronError(
      400,
      'SecurityGroupRuleParameterConflict',
      `Conflicting value ethertype ${etherType} for CIDR ${text}`,
    );
  }
  return prefix.cidr;
}

const sameRule = (a: Rule, b: Rule): boolean =>
  a.direction === b.direction &&
  a.etherType === b.etherType &&
  a.protocol === b.protocol &&
  a.portRangeMin === b.portRangeMin &&
  a.portRangeMax === b.portRangeMax &&
  anywhereIsNone(a.remoteIpPrefix) === anywhereIsNone(b.remoteIpPrefix) &&
  a.remoteGroupId === b.remoteGroupId;

/** From anywhere is the same rule, however it is said. */
const anywhereIsNone = (prefix: string | null): string | null =>
  prefix === '0.0.0.0/0' || prefix === '::/0' ? null : prefix;
