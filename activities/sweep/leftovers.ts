import { commonInstanceId, type InstanceHost } from '../../workflows/model.js';
import type { Backend, Backends } from '../backend.js';
import { hostScript } from '../host-script.js';
import { shareTag, takenOverTag } from '../marks.js';
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
 * What a service instance has of shares, by the marks that shares leave there. On a server that was there before Hawser
 * only a line of fstab is one: others may have used the same names.
 */
export function createLeftovers(backends: Backends) {
  const list = hostScript(backends, 'list-leftovers', 60_000);

  return async (host: InstanceHost): Promise<OnHost[]> => {
    const { options } = backends(host.backend);
    const isCommon = host.instanceId === commonInstanceId(host.backend);
    const shares = new Map<string, OnHost>();
    const othersPaths = new Set<string>();
    for (const line of (await list(host, options.share_mount_path)).split('\n').filter(Boolean)) {
      const [shareId = '', part = '', path = ''] = line.split('\t');
      if (shareId === '-') {
        othersPaths.add(path);
        continue;
      }
      const usual = newLocation(options, shareId).path;
      const known = shares.get(shareId) ?? { shareId, path: usual, parts: new Set() };
      known.parts.add(part as Part);
      if (part === 'fstab') known.path = path;
      shares.set(shareId, known);
    }
    // A share that was let go of keeps its place and its exports, and loses its mark.
    return [...shares.values()].filter(
      ({ parts, path }) => parts.has('fstab') || (!isCommon && !othersPaths.has(path)),
    );
  };
}

export const markedLeftovers = (
  { instanceId }: InstanceHost,
  { shareId, path, parts }: OnHost,
): Marked => ({
  kind: 'leftovers',
  id: `${instanceId}/${shareId}`,
  name: `${[...parts].join(', ')} of ${path}`,
  mark: parts.has('fstab') ? `x-hawser.share=${shareId}` : shareName(shareId),
  owner: { type: 'share', id: shareId },
  createdAt: null,
  sizeGib: null,
  serverId: null,
  takenOver: false,
});

/** Why what is mounted and exported is somebody's, and was before Hawser took it over; null when it was not. */
export async function whyKept(
  { cloud, options }: Pick<Backend, 'cloud' | 'options'>,
  { shareId, path }: OnHost,
): Promise<string | null> {
  if (path !== newLocation(options, shareId).path) {
    return `${path} is not where Hawser mounts shares: it was there before`;
  }
  const volumes = await cloud.blockStorage.listVolumes({ metadata: { [shareTag]: shareId } });
  const taken = volumes.find(({ metadata }) => takenOverTag in metadata);
  return taken ? `volume ${taken.id} was there before Hawser` : null;
}
