import {
  InstanceNotFound,
  ShareNotFound,
  type Retried,
  type ServiceInstanceView,
  type ShareView,
} from '../client/index.js';
import type { Bench } from './bench.js';
import type { Holdings } from './control.js';
import type { Guest } from './guests.js';
import type { Lane } from './lanes.js';

/** A lane as it is at one moment: its cloud, its guests and what Hawser says of them. */
export interface Picture {
  holdings: Holdings;
  guests: Guest[];
  shares: ShareView[];
  instances: ServiceInstanceView[];
}

export async function takePicture(bench: Bench, lane: Lane): Promise<Picture> {
  const holdings = await bench.control.holdings(lane.project);
  const guests = await Promise.all(
    (holdings['servers'] ?? []).map(({ id }) => bench.guests.look(id, holdings)),
  );
  const { shares, instances } = await entitiesOf(bench, lane);
  return { holdings, guests: guests.filter((guest) => guest !== undefined), shares, instances };
}

/** From the workflows themselves, for lists lag behind; those that ended are left out. */
export async function entitiesOf({ hawser }: Pick<Bench, 'hawser'>, lane: Lane) {
  const [shares, instances] = await Promise.all([
    present([...lane.shares].map((id) => hawser.getShare(id))),
    present(instancesOf(lane).map((id) => hawser.getInstance(id))),
  ]);
  return { shares, instances };
}

/** The ids that its instances have, whether there are any or not. */
export const instancesOf = ({ instance, second }: Lane): string[] => [
  instance,
  ...(second ? [second.instance] : []),
];

/** What could not be undone, deleted, brought back or denied, and is tried again. */
export const retriesIn = ({
  shares,
  instances,
}: Pick<Picture, 'shares' | 'instances'>): { what: Retried; reason: string }[] =>
  [
    ...shares.map(({ id, retry }) => ({ what: { shareId: id }, retry })),
    ...shares.flatMap(({ id: shareId, snapshots }) =>
      snapshots.map(({ id, retry }) => ({ what: { shareId, snapshotId: id }, retry })),
    ),
    ...instances.map(({ id, retry }) => ({ what: { instanceId: id }, retry })),
  ].flatMap(({ what, retry }) => (retry ? [{ what, reason: retry.reason }] : []));

async function present<T>(looks: Promise<T>[]): Promise<T[]> {
  const outcomes = await Promise.allSettled(looks);
  return outcomes.flatMap((one) => {
    if (one.status === 'fulfilled') return [one.value];
    if (one.reason instanceof ShareNotFound || one.reason instanceof InstanceNotFound) return [];
    throw one.reason;
  });
}

/** What of each kind is told; the rest differs from run to run. */
const told: Record<string, string[]> = {
  servers: ['name', 'vmState', 'taskState', 'metadata'],
  volumes: ['name', 'status', 'sizeGib', 'metadata'],
  snapshots: ['name', 'status', 'sizeGib', 'metadata', 'volumeId'],
  attachments: ['status', 'volumeId', 'serverId', 'instanceId'],
  networks: ['name', 'description'],
  subnets: ['name', 'description', 'networkId'],
  ports: ['name', 'description', 'deviceOwner', 'deviceId', 'networkId', 'status'],
  routers: ['name'],
  securityGroups: ['name', 'description'],
  securityGroupRules: [
    'securityGroupId',
    'direction',
    'ethertype',
    'protocol',
    'portRangeMin',
    'portRangeMax',
    'remoteIpPrefix',
  ],
  keypairs: ['name'],
};

/**
 * The cloud and the guests in lines that two runs of the same story have in common: ids, addresses and the names of
 * lane and share are replaced by words. `words` says which texts by which.
 */
export function describe({ holdings, guests }: Picture, words: [string, string][]): string[] {
  const known: [string, string][] = Object.entries(holdings).flatMap(([kind, rows]) =>
    rows.map(({ id, name }): [string, string] => [id, `<${kind} ${name ?? ''}>`]),
  );
  const anonymous = (text: string): string => {
    const serials = known.map(([id, word]): [string, string] => [id.slice(0, 20), word]);
    return withWords(text, [...known, ...serials, ...words])
      .replaceAll(/ssh-ed25519 \S+/g, '<host key>')
      .replaceAll(/\d+\.\d+\.\d+\.\d+/g, '<address>')
      .replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{32}/g, '<id>')
      .replaceAll(/\/\S*\/volumes\//g, '');
  };
  const resources = Object.entries(told).flatMap(([kind, fields]) =>
    (holdings[kind] ?? []).map(
      (row) =>
        `${kind}: ${JSON.stringify(Object.fromEntries(fields.map((key) => [key, row[key]])))}`,
    ),
  );
  return [...resources, ...guests.flatMap(({ lines }) => lines.map((line) => `guest: ${line}`))]
    .map(anonymous)
    .toSorted();
}

/** What Hawser says of shares and instances, in lines that two runs of the same story have in common. */
export function describeWords({ shares, instances }: Picture, words: [string, string][]): string[] {
  return [
    ...shares.map((share) => {
      const { id, status, sizeGib, originalSizeGib, volumeSizeGib, accessBy, retry } = share;
      const error = share.error?.type ?? null;
      const rules = share.accessRules.map(({ to, level, state }) => `${to} ${level} ${state}`);
      const snapshots = share.snapshots.map((one) => `${one.id} ${one.status}`);
      const exports = share.exportLocations.length;
      const sizes = { sizeGib, originalSizeGib, volumeSizeGib };
      const facts = { id, status, error, retry: retry?.reason, ...sizes, accessBy, exports };
      return `share: ${JSON.stringify({ ...facts, rules: rules.toSorted(), snapshots })}`;
    }),
    // The problem of an instance may be that of an earlier look.
    ...instances.map(({ status, retry, shares: on }) => {
      const facts = { status, retry: retry?.reason };
      return `instance: ${JSON.stringify({ ...facts, shares: on.toSorted() })}`;
    }),
  ]
    .map((line) => withWords(line, words))
    .toSorted();
}

const withWords = (text: string, words: [string, string][]): string =>
  words.reduce((result, [name, word]) => result.replaceAll(name, word), text);

/** What is in one and not in the other, as often as it is. */
export function differences(expected: string[], actual: string[]): string[] {
  const missing = subtract(expected, actual).map((line) => `- ${line}`);
  const extra = subtract(actual, expected).map((line) => `+ ${line}`);
  return [...missing, ...extra];
}

function subtract(from: string[], what: string[]): string[] {
  const rest = [...what];
  return from.filter((line) => {
    const at = rest.indexOf(line);
    if (at >= 0) rest.splice(at, 1);
    return at < 0;
  });
}
