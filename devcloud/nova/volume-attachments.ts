import { randomUUID } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { Caller } from '../api/caller.js';
import { ApiError, badRequest, conflict } from '../api/errors.js';
import { boolish, parseBody } from '../api/parse.js';
import { operation } from '../api/service.js';
import { beginDetaching, complete, connect, release, reserve } from '../cinder/attaching.js';
import { volumeFile } from '../cinder/volume-files.js';
import { changeVolume, findVolume } from '../cinder/find-volume.js';
import type { Cloud } from '../cloud.js';
import { devicesOf, nextDevice } from './devices.js';
import { invalidVolume, mustBe, notAttached } from './errors.js';
import type { Server, VolumeMapping } from './rows.js';
import { findServer, type OnePath } from './servers.js';

const createRequest = z.object({
  volumeAttachment: z.object({
    volumeId: z.uuid(),
    device: z.string().nullish(),
    tag: z.string().nullish(),
    delete_on_termination: boolish.optional(),
  }),
});

interface VolumePath {
  Params: { id: string; volumeId: string };
}

const view = (row: VolumeMapping, minor: number) => ({
  ...(minor < 89 && { id: row.volumeId }),
  volumeId: row.volumeId,
  serverId: row.serverId,
  device: row.device,
  ...(minor >= 70 && { tag: row.tag }),
  ...(minor >= 79 && { delete_on_termination: row.deleteOnTermination }),
  ...(minor >= 89 && { attachment_id: row.attachmentId, bdm_uuid: row.uuid }),
});

export function volumeAttachmentRoutes(app: FastifyInstance, cloud: Cloud): void {
  const path = '/servers/:id/os-volume_attachments';
  const { volumeMappings } = cloud.tables;

  app.get<OnePath>(path, operation('volume.attachments'), ({ caller, params, minor }) => {
    const { id } = findServer(cloud, caller, params.id);
    const rows = volumeMappings.where(({ serverId }) => serverId === id);
    return { volumeAttachments: rows.map((row) => view(row, minor)) };
  });

  const find = ({ id }: Server, volumeId: string): VolumeMapping => {
    const row = volumeMappings.get(`${id}/${volumeId}`);
    if (!row) throw notAttached(id, volumeId);
    return row;
  };

  app.get<VolumePath>(
    `${path}/:volumeId`,
    operation('volume.attachments'),
    ({ caller, params, minor }) => ({
      volumeAttachment: view(find(findServer(cloud, caller, params.id), params.volumeId), minor),
    }),
  );

  app.post<OnePath>(path, operation('volume.attach'), ({ caller, params, body, minor }) => {
    const server = findServer(cloud, caller, params.id);
    const row = attach(cloud, caller, server, parseBody(createRequest, body).volumeAttachment);
    // Nova left this answer as it was when 2.89 changed the others.
    return { volumeAttachment: { ...view(row, Math.min(minor, 88)), id: row.volumeId } };
  });

  app.put<VolumePath>(
    `${path}/:volumeId`,
    operation('volume.attachments'),
    ({ caller, params, body, minor }, reply) => {
      const row = find(findServer(cloud, caller, params.id), params.volumeId);
      const ask = parseBody(createRequest, body).volumeAttachment;
      if (minor < 85 || ask.volumeId !== row.volumeId) {
        throw conflict(
          `volume ${row.volumeId} is not migrating; this API should only be called by Cinder`,
        );
      }
      const deleteOnTermination = ask.delete_on_termination ?? row.deleteOnTermination;
      volumeMappings.put({ ...row, deleteOnTermination });
      return reply.status(202).send();
    },
  );

  app.delete<VolumePath>(
    `${path}/:volumeId`,
    operation('volume.detach'),
    ({ caller, params }, reply) => {
      const server = findServer(cloud, caller, params.id);
      const volume = findVolume(cloud, caller, params.volumeId);
      const mapping = find(server, volume.id);
      if (mapping.bootIndex === 0) throw badRequest('Cannot detach a root device volume');
      mustBe(server, ['active', 'stopped', 'soft-delete'], 'detach_volume');
      beginDetaching(cloud, volume);
      cloud.jobs.schedule('volume.detach', server.id, { data: { mappingId: mapping.id } });
      return reply.status(202).send();
    },
  );
}

function attach(
  cloud: Cloud,
  caller: Caller,
  server: Server,
  ask: z.output<typeof createRequest>['volumeAttachment'],
): VolumeMapping {
  mustBe(server, ['active', 'stopped'], 'attach_volume');
  const { id: volumeId } = findVolume(cloud, caller, ask.volumeId);
  const elsewhere = cloud.tables.volumeMappings.where((row) => row.volumeId === volumeId);
  if (elsewhere.length > 0) {
    const servers = elsewhere.map(({ serverId }) => serverId).join(' ');
    throw invalidVolume(`volume ${volumeId} is already attached to instances: ${servers}`);
  }
  const device = deviceFor(cloud, server, ask.device ?? null);
  const attachment = reserveForNova(cloud, caller, { volumeId, serverId: server.id });
  const mapping = cloud.tables.volumeMappings.put({
    id: `${server.id}/${volumeId}`,
    uuid: randomUUID(),
    serverId: server.id,
    volumeId,
    attachmentId: attachment,
    device,
    tag: ask.tag ?? null,
    deleteOnTermination: ask.delete_on_termination ?? false,
    bootIndex: null,
  });
  cloud.jobs.schedule('volume.attach', server.id, { data: { mappingId: mapping.id } });
  return mapping;
}

/** Nova passes Cinder's refusal on in its own words. */
function reserveForNova(
  cloud: Cloud,
  caller: Caller,
  ask: { volumeId: string; serverId: string },
): string {
  try {
    return reserve(cloud, caller, ask).id;
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 400) throw error;
    throw badRequest(`Invalid input received: ${error.message} (HTTP 400)`);
  }
}

function deviceFor(cloud: Cloud, { id }: Server, wanted: string | null): string {
  if (wanted === null) return nextDevice(cloud, id);
  if (devicesOf(cloud, id).includes(wanted)) {
    throw conflict(`The supplied device path (${wanted}) is in use.`);
  }
  return wanted;
}

/** Both halves run on the server's own queue, so that plugging and power never cross. */
export function volumeAttachmentJobs(cloud: Cloud): void {
  const { jobs, tables, hosts, faults, log } = cloud;

  jobs.on('volume.attach', async ({ data }) => {
    const mapping = tables.volumeMappings.get(data.mappingId ?? '');
    const attachment = mapping && tables.attachments.get(mapping.attachmentId);
    if (!mapping || !attachment) return;
    const { serverId, volumeId } = mapping;
    connect(cloud, attachment, mapping.device);
    const planned = faults.forTransition('volume.attach', volumeId);
    try {
      if (planned?.outcome) throw new Error(planned.message ?? 'Planned failure');
      if (!planned?.noDevice && (await hosts.isRunning(serverId))) {
        await hosts.attachVolume(serverId, volumeFile(cloud, volumeId));
      }
      complete(cloud, attachment.id);
    } catch (error) {
      log.warn({ err: error, server: serverId, volume: volumeId }, 'The volume was not attached');
      tables.volumeMappings.delete(mapping.id);
      release(cloud, volumeId, attachment.id);
    }
  });

  jobs.on('volume.detach', async ({ data }) => {
    const mapping = tables.volumeMappings.get(data.mappingId ?? '');
    if (!mapping) return;
    const { serverId, volumeId } = mapping;
    const planned = faults.forTransition('volume.detach', volumeId);
    try {
      if (planned?.outcome) throw new Error(planned.message ?? 'Planned failure');
      await hosts.detachVolume(serverId, volumeId);
      tables.volumeMappings.delete(mapping.id);
      release(cloud, volumeId, mapping.attachmentId);
    } catch (error) {
      log.warn({ err: error, server: serverId, volume: volumeId }, 'The volume was not detached');
      changeVolume(cloud, volumeId, { status: 'in-use' });
    }
  });
}
