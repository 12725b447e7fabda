import { commonInstanceId, type InstanceHost } from '../../workflows/model.js';
import type { Backend, Backends } from '../backend.js';
import { hostScript } from '../host-script.js';
import { backendTag, shareTag, takenOverTag } from '../marks.js';
import { newLocation, shareName } from '../share-paths.js';
import type { Marked } from './marked.js';

type Part = 'fstab' | 'mount' | 'exports' | 'samba' | 'lock';

/** What a service instance has of a share. */
export interface OnHost {
  shareId: string;
  /** Where its file system belongs. */
  path: string;
  parts: Set<Part>;
}

/**
 * What a service instance has of shares, by the marks that shares leave there. A name alone is one only where its usual
 * path is in nobody's line of fstab, and never on a server that was there before Hawser: others may have used it.
 */
export function createLeftovers(backends: Backends) {
  const list = hostScript(backends, 'list-leftovers', 60_000);

  return async (host: InstanceHost): Promise<OnHost[]> => {
    const { options } = backends(host.backend);
    const isCommon = host.instanceId === commonInstanceId(host.backend);
    const shares = new Map<string, OnHost>();
    const inFstab = new Set<string>();
    for (const line of (await list(host, options.share_mount_path)).split('\n').filter(Boolean)) {
      const [shareId = '', part = '', path = ''] = line.split('\t');
      if (part === 'fstab') inFstab.add(path);
      const usual = newLocation(options, shareId).path;
      if (shareId === '-' || (part === 'samba' && path !== usual)) continue;
      const known = shares.get(shareId) ?? { shareId, path: usual, parts: new Set() };
      known.parts.add(part as Part);
      if (part === 'fstab') known.path = path;
      shares.set(shareId, known);
    }
    // A share that was let go of keeps its place and its exports, and may be managed again under another id.
    return [...shares.values()].filter(
      ({ parts, path }) => parts.has('fstab') || (!isCommon && !inFstab.has(path)),
    );
  };
}

export const markedLeftovers = (
  { instanceId, serverId }: InstanceHost,
  { shareId, path, parts }: OnHost,
): Marked => ({
  kind: 'leftovers',
  id: `${instanceId}/${shareId}`,
  name: `${[...parts].join(', ')} of ${path}`,
  mark: parts.has('fstab') ? `x-hawser.share=${shareId}` : shareName(shareId),
  owner: { type: 'share', id: shareId },
  createdAt: null,
  sizeGib: null,
  serverId,
  takenOver: false,
});

/** Why what is mounted and exported is somebody's, and was before Hawser took it over; null when it was not. */
export async function whyKept(
  { name, cloud, options }: Pick<Backend, 'name' | 'cloud' | 'options'>,
  { shareId, path }: OnHost,
): Promise<string | null> {
  if (path !== newLocation(options, shareId).path) {
    return `${path} is not where Hawser mounts shares: it was there before`;
  }
  const volumes = await cloud.blockStorage.listVolumes({ metadata: { [shareTag]: shareId } });
  const taken = volumes.find(({ metadata }) => takenOverTag in metadata);
  if (taken) return `volume ${taken.id} was there before Hawser`;
  const other = volumes.find(({ metadata }) => metadata[backendTag] !== name);
  return other
    ? `volume ${other.id} is of backend ${other.metadata[backendTag] ?? '(unknown)'}, not ${name}`
    : null;
}
