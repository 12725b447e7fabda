import type { Orphan } from '../../workflows/sweep-model.js';

/** Whose something is, by its mark. */
export type Owner =
  { type: 'share'; id: string; snapshotId?: string } | { type: 'instance'; id: string };

/** Something of one owner that bears our mark. */
export interface Marked extends Pick<
  Orphan,
  'kind' | 'id' | 'name' | 'mark' | 'createdAt' | 'sizeGib' | 'serverId'
> {
  owner: Owner;
  /** It was there before Hawser. */
  takenOver: boolean;
}

/** Whether something may be removed, asked anew. */
export type IsOrphan = (marked: Marked) => Promise<boolean>;

/** `inUse`: it has an owner again, or was not ours to remove after all. */
export type Removed = 'removed' | 'inUse';

/** Services leave the zone out; empty is not told. */
export function utc(time: string): string | null {
  if (time === '') return null;
  const zoned = /(Z|[+-]\d\d:?\d\d)$/.test(time) ? time : `${time}Z`;
  return new Date(zoned).toISOString();
}

/** Neutron's ids, which are in every service instance's. */
const uuid = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}';

export const isUuid = (id: string): boolean => new RegExp(`^${uuid}$`).test(id);

/** Whether an id is of a service instance of this backend, and not of one whose name only begins with its. */
export const isInstanceOf = (backend: string, instanceId: string): boolean =>
  instanceId.startsWith(`${backend}-`) &&
  new RegExp(`^${uuid}-\\d+$`).test(instanceId.slice(backend.length + 1));
