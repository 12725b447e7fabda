import {
  ApplicationFailure,
  getExternalWorkflowHandle,
  proxyActivities,
  uuid4,
  workflowInfo,
} from '@temporalio/workflow';
import type { CifsExportActivities } from '../activities/cifs-exports.js';
import type { ExistingShare, ExistingShareActivities } from '../activities/existing-shares.js';
import type { ExistingVolume, ExistingVolumeActivities } from '../activities/existing-volumes.js';
import type { NfsExportActivities } from '../activities/nfs-exports.js';
import type { PlacementActivities } from '../activities/placement.js';
import { cloudCall, entityCall, promptCommand } from './activity-options.js';
import { accessOfExports, inShort, tooManyRules, type ExistingAccess } from './existing-access.js';
import { accessOfSection } from './existing-samba-access.js';
import { giveBack, takingOverSignal, type TakenOver } from './give-back.js';
import {
  GIB,
  commonInstanceId,
  type AccessRule,
  type AccessType,
  type ExportLocation,
  type ManageRequest,
  type ServiceInstance,
  type ShareLocation,
} from './model.js';
import { step, waitingStep } from './step.js';
import { undoOnFailure } from './undo-on-failure.js';
import { exportedName } from './validation.js';

const { joinForManaging, shareIsThere } = proxyActivities<PlacementActivities>(entityCall);
const { findExistingVolume, claimVolume } = proxyActivities<ExistingVolumeActivities>(cloudCall);
const { inspectExistingShare, takeOverShare } =
  proxyActivities<ExistingShareActivities>(promptCommand);
const { applyNfsExports } = proxyActivities<NfsExportActivities>(promptCommand);
const { applyCifsShare } = proxyActivities<CifsExportActivities>(promptCommand);

export interface ManagedShare {
  instance: ServiceInstance;
  location: ShareLocation;
  /** `NETWORK/SUBNET`, null on a server for all. */
  shareNetwork: string | null;
  sizeGib: number;
  volumeSizeGib: number | null;
  exportLocations: ExportLocation[];
  accessBy: AccessType;
  accessRules: AccessRule[];
  notes: string[];
}

/**
 * Takes over a file system that is mounted and exported on a service instance already, with whom it lets in; clients do
 * not notice. Everything is as it was if it fails.
 */
export async function manageExisting(request: ManageRequest): Promise<ManagedShare> {
  const { id: shareId, backend, protocol, exportLocation } = request;
  const where = exportedName(protocol, exportLocation) ?? '';

  return undoOnFailure(async (onFailure) => {
    const instanceId = request.serviceInstance ?? commonInstanceId(backend);
    let takenOver: TakenOver | null = null;
    // One undo, not three: while something is left, its instance must stay.
    onFailure(() => giveBack({ shareId, backend, instanceId, takenOver }));
    const joined = await joinForManaging.executeWithOptions(
      waitingStep(`take a place on service instance ${instanceId}`),
      [{ backend, instanceId: request.serviceInstance, shareId }],
    );
    if ('full' in joined) {
      throw invalid('InstanceFull', `service instance ${instanceId} has no place left`, request);
    }
    const { instance: host, shareNetwork } = joined;

    const existing = await inspectExistingShare.executeWithOptions(
      step(`look at ${where} on ${host.address}`),
      [{ host, protocol, where }],
    );
    const access = accessOf(existing);
    const fileSystem = requireUsable(request, existing, access);

    const volume = await findExistingVolume.executeWithOptions(
      step(`find the volume of ${existing.device}`),
      [
        {
          backend,
          shareId,
          serverId: host.serverId,
          volumeId: request.volumeId,
          serial: existing.serial,
        },
      ],
    );
    if (volume) await requireNobodys(request, volume);

    const { path } = existing;
    const { accessBy, rules } = access;
    takenOver = { host, existing, volume };
    await tellShare(takenOver);
    // Of two shares that are asked for at once, the lock on the instance decides which of them it is.
    await takeOverShare.executeWithOptions(step(`take over ${path} on ${host.address}`), [
      { host, shareId, existing, volume, rules },
    ]);
    if (volume) {
      await claimVolume.executeWithOptions(step(`name and mark volume ${volume.volumeId}`), [
        { backend, shareId, volume },
      ]);
    }
    const location: ShareLocation = {
      volumeId: volume?.volumeId ?? null,
      path,
      exportName: protocol === 'CIFS' ? where : path.slice(path.lastIndexOf('/') + 1),
      fileSystem,
    };
    const apply = protocol === 'CIFS' ? applyCifsShare : applyNfsExports;
    const exportLocations = await apply.executeWithOptions(
      step(`export by ${protocol} to ${rules.length} ${inWords[accessBy]}, as before`),
      [{ host, shareId, location, accessBy, rules }],
    );
    return {
      instance: host,
      location,
      shareNetwork,
      // The volume of one that was shrunk before is larger.
      sizeGib: Math.ceil(existing.sizeBytes / GIB),
      volumeSizeGib: volume?.sizeGib ?? null,
      exportLocations,
      accessBy,
      accessRules: rules.map((rule) => ({ id: uuid4(), type: accessBy, ...rule, state: 'active' })),
      notes: inShort([...access.notes, ...notesOn(request, existing, volume, exportLocations)]),
    };
  });
}

/** If even the undo fails, its share knows what is to be put back. */
async function tellShare(takenOver: TakenOver): Promise<void> {
  const { parent } = workflowInfo();
  if (!parent) return;
  await getExternalWorkflowHandle(parent.workflowId).signal(takingOverSignal, takenOver);
}

const inWords = { ip: 'address(es)', user: 'user(s)' };

const accessOf = ({ section, exports, rootSquash }: ExistingShare): ExistingAccess =>
  section === null ? accessOfExports(exports, rootSquash) : accessOfSection(section);

const invalid = (type: string, reason: string, { id, exportLocation }: ManageRequest) =>
  ApplicationFailure.nonRetryable(`${exportLocation} can't become share ${id}: ${reason}`, type);

/** Refuses what Hawser could not go on with, naming all of it; answers with the kind of file system. */
function requireUsable(
  request: ManageRequest,
  { type, path, fstab, exports, entries, elsewhere }: ExistingShare,
  access: ExistingAccess,
): ShareLocation['fileSystem'] {
  const many = tooManyRules(access);
  const reasons = [...(many === undefined ? [] : [many]), ...access.obstacles];
  const other = fstab
    .map((line) => /[ ,]x-hawser\.share=([^, ]+)/.exec(line)?.[1])
    .find((owner) => owner !== undefined && owner !== request.id);
  if (other !== undefined) reasons.unshift(`it is share ${other} already`);
  // What is in force says whom it lets in: its entries would go, and nothing come in their place.
  if (exports.length === 0 && entries.length > 0) {
    const where = [...new Set(entries.map(({ file }) => file))].join(', ');
    reasons.push(
      `it is written down in ${where}, and exported to nobody: run exportfs -ra, or take that away first`,
    );
  }
  // Its files and scripts hold paths without quotes.
  if (!/^(\/[A-Za-z0-9._-]+)+$/.test(path)) {
    reasons.push(`its path is ${path}: only letters, digits, ".", "_" and "-" can be in one`);
  }
  const known = type === 'ext4' || type === 'ext3';
  if (!known) reasons.push(`its file system is ${type}, and Hawser's are ext4 and ext3`);
  // It would be let in by that whatever the share's rules say.
  for (const way of elsewhere) reasons.push(`it is exported ${way} too: take that away first`);
  if (reasons.length > 0 || !known) {
    throw invalid('ManageInvalidShare', inShort(reasons).join('; '), request);
  }
  return type;
}

/** A mark that a share left which is gone counts for nothing. */
async function requireNobodys(request: ManageRequest, volume: ExistingVolume): Promise<void> {
  const owner = volume.metadata['hawser:share_id'];
  if (owner === undefined || owner === request.id) return;
  if (await shareIsThere({ shareId: owner })) {
    const reason = `its volume ${volume.volumeId} is that of share ${owner}`;
    throw invalid('ManageInvalidShare', reason, request);
  }
}

function notesOn(
  { exportLocation, id }: ManageRequest,
  { fstab }: ExistingShare,
  volume: ExistingVolume | null,
  locations: ExportLocation[],
): string[] {
  const odd = fstab
    .map((line) => line.split(/\s+/)[3] ?? '')
    .filter((options) => !/^(defaults|nofail|rw|x-hawser\.share=[^,]*|,)*$/.test(options));
  return [
    ...odd.map((options) => `fstab mounted it with ${options}, which Hawser does not keep`),
    ...(volume === null
      ? ['its file system is on no volume of Cinder’s as a whole: it cannot be resized']
      : []),
    ...(locations.some(({ path }) => path === exportLocation)
      ? []
      : [
          `share ${id} was given as ${exportLocation}; clients go on with that as long as it leads there`,
        ]),
  ];
}
