import { ApiError, badRequest, notFound } from '../api/errors.js';

export const volumeNotFound = (id: string) => notFound(`Volume ${id} could not be found.`);

export const snapshotNotFound = (id: string) => notFound(`Snapshot ${id} could not be found.`);

export const attachmentNotFound = (id: string) =>
  notFound(`Volume attachment could not be found with filter: attachment_id = ${id}.`);

export const invalidVolume = (reason: string) => badRequest(`Invalid volume: ${reason}`);

export const invalidSnapshot = (reason: string) => badRequest(`Invalid snapshot: ${reason}`);

export const invalidInput = (reason: string) => badRequest(`Invalid input received: ${reason}`);

export const overQuota = (kind: string, message: string) =>
  new ApiError(413, `${kind}: ${message}`, { headers: { 'retry-after': '0' } });
