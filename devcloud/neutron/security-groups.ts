import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { boolish } from '../api/parse.js';
import { operation } from '../api/service.js';
import type { Cloud } from '../cloud.js';
import { neutronError, securityGroupNotFound } from './errors.js';
import { readRoutes } from './listing.js';
import {
  answer,
  changed,
  checkQuota,
  commonFields,
  commonView,
  findOwn,
  newResource,
  parseResource,
  type Kind,
} from './resource.js';
import type { SecurityGroup, SecurityGroupRule } from './rows.js';
import { newRule, ruleKind } from './security-group-rules.js';
import { tagRoutes } from './tags.js';

export const groupKind: Kind<SecurityGroup> = {
  singular: 'security_group',
  plural: 'security_groups',
  table: ({ tables }) => tables.securityGroups,
  missing: securityGroupNotFound,
  view: (row, cloud, caller) => ({
    stateful: row.stateful,
    shared: false,
    security_group_rules: rulesOf(cloud, row.id).map((rule) => ({
      ...commonView(rule),
      ...ruleKind.view(rule, cloud, caller),
    })),
  }),
};

const fields = z.strictObject({ ...commonFields, stateful: boolish.optional() });
type Fields = z.output<typeof fields>;

const rulesOf = (cloud: Cloud, groupId: string): SecurityGroupRule[] =>
  cloud.tables.securityGroupRules.where(({ securityGroupId }) => securityGroupId === groupId);

/** Neutron makes the group `default` when a project first needs it: all out, and in from its own members. */
export function ensureDefaultGroup(cloud: Cloud, projectId: string): SecurityGroup {
  const { securityGroups } = cloud.tables;
  const found = securityGroups.find((row) => row.projectId === projectId && row.name === 'default');
  if (found) return found;
  const group = addGroup(cloud, projectId, {
    name: 'default',
    description: 'Default security group',
  });
  for (const etherType of ['IPv4', 'IPv6'] as const) {
    newRule(cloud, group, { direction: 'ingress', etherType, remoteGroupId: group.id });
  }
  return group;
}

/** A new group lets everything out, as Neutron's do. */
function addGroup(cloud: Cloud, projectId: string, ask: Fields): SecurityGroup {
  const group = cloud.tables.securityGroups.put({
    ...newResource({ projectId, isAdmin: true }, ask),
    projectId,
    stateful: ask.stateful ?? true,
  });
  for (const etherType of ['IPv4', 'IPv6'] as const) {
    newRule(cloud, group, { direction: 'egress', etherType });
  }
  return group;
}

export function securityGroupRoutes(app: FastifyInstance, cloud: Cloud): void {
  const { securityGroups } = cloud.tables;
  const path = '/v2.0/security-groups';
  app.addHook('preHandler', async (request) => {
    if (request.routeOptions.url?.endsWith(path) && request.caller.projectId) {
      ensureDefaultGroup(cloud, request.caller.projectId);
    }
  });
  readRoutes(app, cloud, groupKind);
  tagRoutes(app, cloud, groupKind);

  app.post(path, operation('security_group.create'), (request, reply) => {
    const ask = parseResource('security_group', fields, request.body);
    const { projectId } = newResource(request.caller, ask);
    if (ask.name === 'default') {
      throw neutronError(
        409,
        'SecurityGroupDefaultAlreadyExists',
        'Default security group already exists.',
      );
    }
    const used = securityGroups.where((row) => row.projectId === projectId).length;
    checkQuota(cloud, projectId, { resource: 'security_group', used });
    const row = addGroup(cloud, projectId, ask);
    return reply.status(201).send(answer(groupKind, row, cloud, request.caller));
  });

  app.put<{ Params: { id: string } }>(
    `${path}/:id`,
    operation('security_group.update'),
    (request) => {
      const row = findOwn(groupKind, cloud, request.caller, request.params.id);
      const { name = row.name, description = row.description } = parseResource(
        'security_group',
        fields,
        request.body,
      );
      const next = securityGroups.put(changed(row, { name, description }));
      return answer(groupKind, next, cloud, request.caller);
    },
  );

  app.delete<{ Params: { id: string } }>(
    `${path}/:id`,
    operation('security_group.delete'),
    (request, reply) => {
      const row = findOwn(groupKind, cloud, request.caller, request.params.id);
      deleteGroup(cloud, row, request.caller.isAdmin);
      return reply.status(204).send();
    },
  );
}

function deleteGroup(cloud: Cloud, { id, name }: SecurityGroup, isAdmin: boolean): void {
  const { ports, securityGroups, securityGroupRules } = cloud.tables;
  if (ports.find(({ securityGroupIds }) => securityGroupIds.includes(id))) {
    throw neutronError(409, 'SecurityGroupInUse', `Security Group ${id} in use.`);
  }
  if (name === 'default' && !isAdmin) {
    throw neutronError(
      409,
      'SecurityGroupCannotRemoveDefault',
      'Insufficient rights for removing default security group.',
    );
  }
  for (const rule of rulesOf(cloud, id)) securityGroupRules.delete(rule.id);
  securityGroups.delete(id);
}
