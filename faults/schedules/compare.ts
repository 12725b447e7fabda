import { ofDifferences, type Finding } from '../findings.js';
import type { Lane } from '../lanes.js';
import { differences, type Picture } from '../picture.js';
import type { Model } from './model.js';
import { idOf, instanceIn } from './perform.js';

interface Expected {
  model: Model;
  /** What the shares of the run are called after. */
  name: string;
  lane: Pick<Lane, 'instance' | 'second'>;
}

/** What is there against what must be there: in Hawser's words, in the cloud and on the instance. */
export function compareWithModel(expected: Expected, picture: Picture): Finding[] {
  const wanted = linesOf(expected);
  return [
    ...ofDifferences(differences(wanted, linesIn(picture)), wanted),
    ...strangersOn(expected, picture),
  ];
}

function linesOf({ model, name, lane }: Expected): string[] {
  const shares = [...model.shares].map(([short, share]) => {
    return { id: idOf({ share: name }, short), ...share };
  });
  return [
    ...[...model.instances].flatMap((network) => {
      const on = model.sharesIn(network).map((short) => idOf({ share: name }, short));
      const id = instanceIn(lane, network);
      return [`instance ${id}: active, with ${on.toSorted().join(', ') || 'no share'}`, 'server'];
    }),
    ...shares.flatMap(({ id, protocol, sizeGib, volumeGib, rules, snapshots }) => [
      `share ${id}: ${protocol}, ${sizeGib} GiB on ${volumeGib} GiB, available`,
      ...[...rules].map(([to, { level }]) => `rule of ${id}: ${to} ${level} active`),
      ...[...snapshots].flatMap(([snapshot, sizes]) => [
        `snapshot ${snapshot} of ${id}: ${sizes.sizeGib} GiB, available`,
        `Cinder's snapshot ${snapshot} of ${id}: available`,
      ]),
      `volume of ${id}: ${volumeGib} GiB, in-use`,
      `attachment of ${id}: attached`,
      `mount of ${id}`,
      `fstab has ${id}`,
    ]),
  ];
}

function linesIn({ shares, instances, holdings, guests }: Picture): string[] {
  const { servers = [], volumes = [], attachments = [], snapshots = [] } = holdings;
  const owners = new Map(volumes.map((volume) => [volume.id, markOf(volume, 'share_id')]));
  const ofVolume = (id: unknown) => owners.get(String(id)) ?? `volume ${String(id)}`;
  const shareAt = (file: string) =>
    [...owners].find(([volumeId]) => file.includes(volumeId))?.[1] ?? file;
  return [
    ...instances.map(({ id, status, shares: on }) => {
      return `instance ${id}: ${status}, with ${on.toSorted().join(', ') || 'no share'}`;
    }),
    ...servers.map(() => 'server'),
    ...shares.flatMap((share) => [
      `share ${share.id}: ${share.protocol}, ${share.sizeGib} GiB on ${share.volumeSizeGib} GiB, ${share.status}`,
      ...share.accessRules.map(
        ({ to, level, state }) => `rule of ${share.id}: ${to} ${level} ${state}`,
      ),
      ...share.snapshots.map(
        ({ id, sizeGib, status }) => `snapshot ${id} of ${share.id}: ${sizeGib} GiB, ${status}`,
      ),
    ]),
    ...snapshots.map(
      (row) =>
        `Cinder's snapshot ${markOf(row, 'snapshot_id')} of ${ofVolume(row['volumeId'])}: ${String(row['status'])}`,
    ),
    ...volumes.map(
      (row) =>
        `volume of ${markOf(row, 'share_id')}: ${String(row['sizeGib'])} GiB, ${String(row['status'])}`,
    ),
    ...attachments.map(
      (row) => `attachment of ${ofVolume(row['volumeId'])}: ${String(row['status'])}`,
    ),
    ...guests.flatMap(({ mounts, lines }) => [
      ...mounts.map(({ volume }) => `mount of ${shareAt(volume)}`),
      ...lines.flatMap((line) => {
        const id = /^etc\/fstab: .*x-hawser\.share=([\w.-]+)/.exec(line)?.[1];
        return id === undefined ? [] : `fstab has ${id}`;
      }),
    ]),
  ];
}

/** What a row is marked with. */
function markOf(row: Record<string, unknown> & { name?: string | null }, mark: string): string {
  const metadata = row['metadata'] as Record<string, string> | undefined;
  return metadata?.[`hawser:${mark}`] ?? `nobody, called ${row.name}`;
}

/** Whatever on the instance still names a share of this run that there is no more. */
function strangersOn({ model, name }: Expected, { guests }: Picture): Finding[] {
  const known = new Set([...model.shares.keys()].map((short) => idOf({ share: name }, short)));
  const ids = new RegExp(`\\b${name}-[a-z]\\b`, 'g');
  return guests.flatMap(({ lines }) =>
    lines
      .filter((line) => (line.match(ids) ?? []).some((id) => !known.has(id)))
      .map((line): Finding => ({ outcome: 'leaked', text: `left on the instance: ${line}` })),
  );
}
