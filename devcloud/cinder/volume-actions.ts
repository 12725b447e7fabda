import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { mustBeAdmin } from '../api/caller.js';
import { badRequest, conflict } from '../api/errors.js';
import { boolish, intish, parseBody } from '../api/parse.js';
import { operation } from '../api/service.js';
import type { Cloud } from '../cloud.js';
import { attach, beginDetaching, release } from './attaching.js';
import { invalidInput, invalidVolume } from './errors.js';
import { mayUseGigabytes } from './quota-checks.js';
import type { Volume } from './rows.js';
import { changeVolume, findVolume, type OnePath } from './find-volume.js';
import { deleteVolume } from './volumes.js';

type Action = (cloud: Cloud, volume: Volume, ask: unknown, request: FastifyRequest) => void;

const extendRequest = z.object({ new_size: intish.pipe(z.number().min(1)) });
const resetRequest = z.object({
  status: z.string().optional(),
  attach_status: z.string().optional(),
});
const attachRequest = z.object({
  instance_uuid: z.string().nullish(),
  mountpoint: z.string().optional(),
});
const detachRequest = z.object({ attachment_id: z.string().nullish() });

const actions: Record<string, Action> = {
  'os-extend': (cloud, volume, ask, request) =>
    extend(cloud, volume, parseBody(extendRequest, ask).new_size, request),

  'os-reset_status': (cloud, { id, status: former }, ask, { caller }) => {
    mustBeAdmin(caller, 'volume_extension:volume_admin_actions:reset_status');
    const { status = former, attach_status: attachStatus } = parseBody(resetRequest, ask);
    if (attachStatus === 'detached') release(cloud, id);
    changeVolume(cloud, id, { status });
  },

  'os-force_delete': (cloud, volume, _ask, { caller }) => {
    mustBeAdmin(caller, 'volume_extension:volume_admin_actions:force_delete');
    deleteVolume(cloud, volume, { cascade: false, force: true });
  },

  'os-set_bootable': (cloud, { id }, ask) =>
    void changeVolume(cloud, id, {
      bootable: parseBody(z.object({ bootable: boolish }), ask).bootable,
    }),

  'os-update_readonly_flag': (cloud, { id }, ask) =>
    void changeVolume(cloud, id, {
      readonly: parseBody(z.object({ readonly: boolish }), ask).readonly,
    }),

  'os-reserve': (cloud, { id, status }) => {
    if (status !== 'available') {
      throw invalidVolume(
        `Volume status must be available to reserve, but the status is ${status}.`,
      );
    }
    changeVolume(cloud, id, { status: 'attaching' });
  },
  'os-unreserve': (cloud, { id, status }) => {
    if (status === 'attaching') changeVolume(cloud, id, { status: 'available' });
  },
  'os-begin_detaching': (cloud, volume) => beginDetaching(cloud, volume),
  'os-roll_detaching': (cloud, { id, status }) => {
    if (status === 'detaching') changeVolume(cloud, id, { status: 'in-use' });
  },
  'os-attach': (cloud, volume, ask) => {
    const { instance_uuid: serverId, mountpoint } = parseBody(attachRequest, ask);
    attach(cloud, volume, { serverId: serverId ?? null, device: mountpoint ?? null });
  },
  'os-detach': (cloud, { id }, ask) => {
    mustNotBeNovas(cloud, id);
    release(cloud, id, parseBody(detachRequest, ask).attachment_id ?? undefined);
  },

  revert: (cloud, volume, ask) =>
    revert(cloud, volume, parseBody(z.object({ snapshot_id: z.string() }), ask).snapshot_id),
};

const operations: Record<string, string> = {
  'os-extend': 'volume.extend',
  'os-force_delete': 'volume.delete',
  revert: 'volume.revert',
};

const actionName = (body: unknown): string =>
  typeof body === 'object' && body !== null ? (Object.keys(body)[0] ?? '') : '';

export function volumeActionRoutes(app: FastifyInstance, cloud: Cloud): void {
  const named = operation(({ body }) => operations[actionName(body)] ?? 'volume.action');
  app.post<OnePath>('/volumes/:id/action', named, (request, reply) => {
    const volume = findVolume(cloud, request.caller, request.params.id);
    const name = actionName(request.body);
    const action = actions[name];
    if (!action) throw badRequest(`There is no such action: ${name}`);
    const bodies = parseBody(z.record(z.string(), z.unknown()), request.body);
    action(cloud, volume, bodies[name], request);
    return reply.status(name === 'os-set_bootable' ? 200 : 202).send();
  });
}

/** Behind Nova's back a guest would keep a disk that is another's already. */
function mustNotBeNovas({ tables }: Cloud, id: string): void {
  const mapping = tables.volumeMappings.find(({ volumeId }) => volumeId === id);
  if (mapping)
    throw conflict(`Detach volume from instance ${mapping.serverId} using the Compute API`);
}

/** A volume in use can grow since microversion 3.42. */
function extend(cloud: Cloud, volume: Volume, sizeGib: number, { minor }: FastifyRequest): void {
  if (sizeGib <= volume.sizeGib) {
    throw invalidInput(
      `New size for extend must be greater than current size. (current: ${volume.sizeGib}, extended: ${sizeGib}).`,
    );
  }
  const online = minor >= 42 && volume.status === 'in-use';
  if (!online && volume.status !== 'available') {
    throw invalidVolume(
      `Volume ${volume.id} status must be '{'status': 'available'}' to extend, currently ${volume.status}.`,
    );
  }
  mayUseGigabytes(cloud, volume.projectId, sizeGib - volume.sizeGib);
  const data = { sizeGib: String(sizeGib), former: volume.status };
  changeVolume(cloud, volume.id, { status: 'extending' });
  cloud.jobs.schedule('volume.extend', volume.id, { data });
}

function revert(cloud: Cloud, volume: Volume, snapshotId: string): void {
  const latest = cloud.tables.snapshots.where(({ volumeId }) => volumeId === volume.id).at(-1);
  if (!latest) throw badRequest(`Volume ${volume.id} doesn't have any snapshots.`);
  if (latest.id !== snapshotId) {
    throw badRequest(
      `Specified snapshot ${snapshotId} is None or not the latest one of volume ${volume.id}.`,
    );
  }
  if (volume.sizeGib !== latest.sizeGib) {
    throw badRequest(
      `Can't revert volume ${volume.id} to its latest snapshot ${snapshotId}. The volume size must be equal to the snapshot size.`,
    );
  }
  if (volume.status !== 'available') {
    throw invalidVolume(
      `Can't revert volume ${volume.id} to its latest snapshot ${snapshotId}. Volume's status must be 'available'.`,
    );
  }
  changeVolume(cloud, volume.id, { status: 'reverting' });
  cloud.jobs.schedule('volume.revert', volume.id, {
    transition: 'snapshot.create',
    data: { snapshotId },
  });
}
