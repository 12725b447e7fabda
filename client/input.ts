import { randomInt } from 'node:crypto';
import { z } from 'zod';
import type {
  AccessLevel,
  AccessType,
  ManageRequest,
  Protocol,
  ShareRequest,
  ShareStatus,
  ShareView,
  SnapshotRef,
} from '../workflows/model.js';
import {
  canonicalSubject,
  manageRequestChecks,
  shareRequestChecks,
  validateAccess,
  validateCinderId,
  validateName,
  validateExportLocation,
  validateRuleId,
  validateSnapshotId,
} from '../workflows/validation.js';
import { InvalidInput } from './errors.js';
import { shareStatuses } from './views.js';

/** What a share is asked for with; the rest has defaults. */
export interface ShareSpec {
  /** The share's id and the request's idempotency token. Default: a new random one. */
  id?: string;
  /** Default: none. */
  name?: string;
  protocol: Protocol;
  /** Default: that of the snapshot it begins with; without one it must be given. */
  sizeGib?: number;
  /** `NETWORK` or `NETWORK/SUBNET`, each a name or an id. Default: none, for a backend with one server for all. */
  shareNetwork?: string | null;
  /** Default: that of the snapshot it begins with, else `generic`. */
  backend?: string;
  /** Cinder's. Default: the backend's. */
  availabilityZone?: string;
  /** Default: none, an empty share. */
  fromSnapshot?: SnapshotRef;
}

/** What a share that is exported already is taken over with; the rest has defaults. */
export interface ManageSpec {
  /** The share's id and the request's idempotency token. Default: a new random one. */
  id?: string;
  /** Default: none. */
  name?: string;
  protocol: Protocol;
  /** `ADDRESS:/path` for NFS, `\\ADDRESS\name` for CIFS. */
  exportLocation: string;
  /** Default: `generic`. */
  backend?: string;
  /** Cinder's. Default: the volume is found by its device. */
  volumeId?: string | null;
  /** The service instance that it is on. Default: the one server of a backend that has one for all. */
  serviceInstance?: string | null;
}

export interface AccessSpec {
  /** Default: a new random one. */
  id?: string;
  /** Default: `ip`. */
  type?: AccessType;
  /** An address or prefix, or for type `user` the name of a user of Samba's. */
  to: string;
  level: AccessLevel;
}

export interface SnapshotSpec {
  /** The snapshot's id among its share's, and the request's idempotency token. Default: a new random one. */
  id?: string;
  /** Default: none. */
  name?: string;
}

/** A snapshot that is in Cinder already. */
export interface ExistingSnapshot extends SnapshotSpec {
  /** Cinder's id. */
  providerLocation: string;
}

/** Which shares to list; those that meet all that is given. */
export interface ShareFilter {
  status?: ShareStatus;
  protocol?: Protocol;
  backend?: string;
  /** Id of a service instance. */
  serviceInstance?: string;
}

const checked = (check: (value: unknown) => string | undefined) =>
  z.unknown().superRefine((value, context) => {
    const message = check(value);
    if (message !== undefined) context.addIssue({ code: 'custom', message });
  });

const filterText = z.string().refine((text) => /^[A-Za-z0-9._-]+$/.test(text), {
  error: ({ input }) => `${JSON.stringify(input)} is no id`,
});

const shareFilter = z.strictObject({
  status: z
    .enum(shareStatuses, {
      error: ({ input }) => `status ${String(input)} is unknown: use ${shareStatuses.join(', ')}`,
    })
    .optional(),
  protocol: checked(shareRequestChecks.protocol).optional(),
  backend: filterText.optional(),
  serviceInstance: filterText.optional(),
});

const shareRequest = z.object({
  id: checked(shareRequestChecks.id),
  name: checked(shareRequestChecks.name),
  protocol: checked(shareRequestChecks.protocol),
  sizeGib: checked(shareRequestChecks.sizeGib),
  shareNetwork: checked(shareRequestChecks.shareNetwork),
  backend: checked(shareRequestChecks.backend),
  availabilityZone: checked(shareRequestChecks.availabilityZone).optional(),
  fromSnapshot: checked(shareRequestChecks.fromSnapshot).optional(),
});

/** The whole request; throws `InvalidInput` that names every part that is wrong. */
export function parseShareSpec(spec: ShareSpec): ShareRequest {
  const request = {
    id: spec.id ?? newId(),
    name: spec.name ?? '',
    protocol: spec.protocol,
    sizeGib: spec.sizeGib,
    shareNetwork: spec.shareNetwork ?? null,
    backend: spec.backend ?? 'generic',
    ...(spec.availabilityZone !== undefined && { availabilityZone: spec.availabilityZone }),
    ...(spec.fromSnapshot !== undefined && { fromSnapshot: spec.fromSnapshot }),
  };
  const { sizeGib = NaN } = request;
  refuseIssues(shareRequest.safeParse(request));
  return { ...request, sizeGib };
}

const manageRequest = z.object({
  id: checked(manageRequestChecks.id),
  name: checked(manageRequestChecks.name),
  protocol: checked(manageRequestChecks.protocol),
  backend: checked(manageRequestChecks.backend),
  exportLocation: checked(manageRequestChecks.exportLocation),
  volumeId: checked(manageRequestChecks.volumeId),
  serviceInstance: checked(manageRequestChecks.serviceInstance),
});

/** The whole request; throws `InvalidInput` that names every part that is wrong. */
export function parseManageSpec(spec: ManageSpec): ManageRequest {
  const request: ManageRequest = {
    id: spec.id ?? newId(),
    name: spec.name ?? '',
    protocol: spec.protocol,
    backend: spec.backend ?? 'generic',
    exportLocation: spec.exportLocation,
    volumeId: spec.volumeId ?? null,
    serviceInstance: spec.serviceInstance ?? null,
  };
  refuseIssues(manageRequest.safeParse(request));
  refuseReason('exportLocation', validateExportLocation(request.protocol, request.exportLocation));
  return request;
}

/** The rule with its id and whom it names in canonical form; throws `InvalidInput`. */
export function parseAccessSpec(
  share: Pick<ShareView, 'protocol' | 'accessBy'>,
  spec: AccessSpec,
): Required<AccessSpec> {
  const { id = newId(), type = 'ip', to, level } = spec;
  refuseReason('id', validateRuleId(id));
  refuseReason('to', validateAccess(share, { type, to, level }));
  return { id, type, to: canonicalSubject(type, to), level };
}

/** A rule's id or a user's name as it is, an address in canonical form; throws `InvalidInput`. */
export function parseRule(text: string): string {
  if (validateRuleId(text) === undefined) return text;
  try {
    return canonicalSubject(text.includes('\\') ? 'user' : 'ip', text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new InvalidInput([{ field: 'rule', message: `not a rule's id, and ${reason}` }]);
  }
}

export function parseSnapshotSpec({ id = newId(), name = '' }: SnapshotSpec) {
  refuseReason('id', validateSnapshotId(id));
  refuseReason('name', validateName(name));
  return { id, name };
}

/** In the words of the request; throws `InvalidInput`. */
export function parseExistingSnapshot({ providerLocation, ...spec }: ExistingSnapshot) {
  refuseReason('providerLocation', validateCinderId(providerLocation));
  return { ...parseSnapshotSpec(spec), volumeSnapshotId: providerLocation };
}

export function parseSnapshotId(id: string): string {
  refuseReason('snapshot', validateSnapshotId(id));
  return id;
}

/** Throws `InvalidInput`. */
export function parseLevel(level: AccessLevel): AccessLevel {
  const anyShare = { protocol: 'NFS', accessBy: 'ip' } as const;
  refuseReason('level', validateAccess(anyShare, { type: 'ip', to: '10.0.0.1', level }));
  return level;
}

export function parseShareFilter(filter: ShareFilter): ShareFilter {
  refuseIssues(shareFilter.safeParse(filter));
  return filter;
}

/** For ids that are only looked up: what cannot be an id is not asked for. */
export function parseShareId(id: string): string {
  refuseReason('id', shareRequestChecks.id(id));
  return id;
}

/** Throws `InvalidInput`. */
export function parseSize(sizeGib: number): number {
  refuseReason('sizeGib', shareRequestChecks.sizeGib(sizeGib));
  return sizeGib;
}

export function parseInstanceId(id: string): string {
  refuseIssues(z.object({ id: filterText }).safeParse({ id }));
  return id;
}

const secondsIn: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** `90s`, `30m`, `1h` or `2d` in seconds; throws `InvalidInput`. */
export function parseDuration(text: string): number {
  const [, amount = '', unit = ''] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  const seconds = Number(amount) * (secondsIn[unit] ?? NaN);
  const message = `a time such as 90s, 30m, 1h or 2d expected, not ${JSON.stringify(text)}`;
  refuseReason('grace', Number.isNaN(seconds) ? message : undefined);
  return seconds;
}

/** For a backend that is only asked; throws `InvalidInput`. */
export function refuseBackendName(name: string): void {
  refuseReason('backend', shareRequestChecks.backend(name));
}

function refuseReason(field: string, message: string | undefined): void {
  if (message !== undefined) throw new InvalidInput([{ field, message }]);
}

function refuseIssues(result: { error?: z.ZodError }): void {
  if (!result.error) return;
  throw new InvalidInput(
    result.error.issues.map(({ path, message }) => ({ field: path.join('.'), message })),
  );
}

/** 58 random bits in 12 characters that are easy to read aloud and spell no words. */
function newId(): string {
  const alphabet = '0123456789bcdfghjkmnpqrstvwxyz';
  return Array.from({ length: 12 }, () => alphabet[randomInt(alphabet.length)]).join('');
}
