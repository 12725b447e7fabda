import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { mustBeAdmin } from '../api/caller.js';
import { badRequest, conflict, notFound } from '../api/errors.js';
import { intish, parseBody } from '../api/parse.js';
import { operation } from '../api/service.js';
import type { Cloud } from '../cloud.js';
import { updatePort } from '../neutron/port-changes.js';
import { systemCaller } from '../neutron/routers.js';
import { mustBe } from './errors.js';
import type { Server } from './rows.js';
import { changeServer } from './server-jobs.js';
import { portsOf } from './server-ports.js';
import { deleteServer, findServer, type OnePath } from './servers.js';

interface Action {
  operation: string;
  /** What it returns is the answer's body, with 200; otherwise the answer is 202 and empty. */
  run: (cloud: Cloud, server: Server, ask: unknown, request: FastifyRequest) => unknown;
}

const rebootRequest = z.object({
  type: z
    .string()
    .transform((type) => type.toUpperCase())
    .pipe(z.enum(['SOFT', 'HARD'])),
});

const actions: Record<string, Action> = {
  reboot: {
    operation: 'server.reboot',
    run(cloud, server, ask, request) {
      const { type } = parseBody(rebootRequest, ask);
      const hard = type === 'HARD';
      // A soft one that does not end is ended by a hard one.
      const instead = hard && server.taskState === 'rebooting';
      const idle = instead ? { ...server, taskState: null } : server;
      mustBe(idle, hard ? ['active', 'stopped', 'error'] : ['active'], 'reboot');
      if (instead) cloud.jobs.cancel(server.id);
      record(cloud, server, 'reboot', request);
      begin(cloud, server, hard ? 'rebooting_hard' : 'rebooting', 'server.reboot', { how: type });
    },
  },
  'os-start': {
    operation: 'server.start',
    run(cloud, server, _ask, request) {
      mustBe(server, ['stopped'], 'start');
      record(cloud, server, 'start', request);
      begin(cloud, server, 'powering-on', 'server.start');
    },
  },
  'os-stop': {
    operation: 'server.stop',
    run(cloud, server, _ask, request) {
      mustBe(server, ['active', 'error'], 'stop');
      record(cloud, server, 'stop', request);
      begin(cloud, server, 'powering-off', 'server.stop');
    },
  },
  'os-getConsoleOutput': {
    operation: 'server.console',
    async run(cloud, server, ask) {
      if (server.vmState === 'building') throw conflict(`Instance ${server.id} is not ready`);
      const { length } = parseBody(z.object({ length: intish.nullish() }), ask);
      const log = await cloud.hosts.consoleLog(server.id);
      return { output: length ? log.split('\n').slice(-length).join('\n') : log };
    },
  },
  forceDelete: { operation: 'server.delete', run: deleteServer },
  lock: {
    operation: 'server.lock',
    run: (cloud, { id }) => void changeServer(cloud, id, { locked: true }),
  },
  unlock: {
    operation: 'server.unlock',
    run: (cloud, { id }) => void changeServer(cloud, id, { locked: false }),
  },
  'os-resetState': {
    operation: 'server.reset',
    run(cloud, { id }, ask, { caller }) {
      mustBeAdmin(caller, 'os_compute_api:os-admin-actions:reset_state');
      const { state } = parseBody(z.object({ state: z.enum(['active', 'error']) }), ask);
      changeServer(cloud, id, { vmState: state, taskState: null });
    },
  },
  addSecurityGroup: {
    operation: 'server.add_security_group',
    run: (cloud, server, ask) =>
      changeGroups(cloud, server, ask, (groups, id) => [...new Set([...groups, id])]),
  },
  removeSecurityGroup: {
    operation: 'server.remove_security_group',
    run: (cloud, server, ask) =>
      changeGroups(cloud, server, ask, (groups, id) => groups.filter((one) => one !== id)),
  },
};

const actionName = (body: unknown): string =>
  typeof body === 'object' && body !== null ? (Object.keys(body)[0] ?? '') : '';

export function serverActionRoutes(app: FastifyInstance, cloud: Cloud): void {
  const named = operation(({ body }) => actions[actionName(body)]?.operation ?? 'server.action');
  app.post<OnePath>('/servers/:id/action', named, async (request, reply) => {
    const server = findServer(cloud, request.caller, request.params.id);
    const name = actionName(request.body);
    const action = actions[name];
    if (!action) throw badRequest(`There is no such action: ${name}`);
    const bodies = parseBody(z.record(z.string(), z.unknown()), request.body);
    const answer = await action.run(cloud, server, bodies[name], request);
    return answer === undefined ? reply.status(202).send() : answer;
  });
}

/** Before the request is answered, as Nova does it. */
function record(
  cloud: Cloud,
  { id, actions: before = [] }: Server,
  action: string,
  { id: requestId, caller }: FastifyRequest,
): void {
  const startedAt = new Date().toISOString();
  changeServer(cloud, id, {
    actions: [...before, { action, requestId, userId: caller.userId, startedAt }],
  });
}

function begin(
  cloud: Cloud,
  { id }: Server,
  taskState: string,
  job: string,
  data: Record<string, string> = {},
): void {
  changeServer(cloud, id, { taskState });
  cloud.jobs.schedule(job, id, { data });
}

function changeGroups(
  cloud: Cloud,
  server: Server,
  ask: unknown,
  change: (groups: string[], id: string) => string[],
): void {
  const { name } = parseBody(z.object({ name: z.string() }), ask);
  const group = cloud.tables.securityGroups.find(
    (row) => row.projectId === server.projectId && [row.id, row.name].includes(name),
  );
  if (!group) throw notFound(`Security group ${name} not found for project ${server.projectId}.`);
  for (const port of portsOf(cloud, server)) {
    updatePort(cloud, systemCaller, port, {
      security_groups: change(port.securityGroupIds, group.id),
    });
  }
}
