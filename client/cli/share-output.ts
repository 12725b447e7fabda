import type { ServiceInstanceView, ShareView } from '../../workflows/model.js';
import { list, printable, table, type Column } from './tables.js';
import { retryInWords, withRetry } from './retry-output.js';
import { ago } from './time.js';

/** A share for programs: the documented keys, in their order. */
export function shareJson(view: ShareView): Record<string, unknown> {
  return {
    id: view.id,
    name: view.name,
    status: view.status,
    protocol: view.protocol,
    sizeGib: view.sizeGib,
    shareNetwork: view.shareNetwork,
    serviceInstance: view.serviceInstance,
    volumeId: view.volumeId,
    volumeSizeGib: view.volumeSizeGib,
    exportLocations: view.exportLocations,
    accessBy: view.accessBy,
    accessRules: view.accessRules,
    snapshots: view.snapshots,
    ...(view.notes?.length ? { notes: view.notes } : {}),
    error: view.error,
    ...(view.retry ? { retry: view.retry } : {}),
    backend: view.backend,
    ...(view.availabilityZone !== undefined && { availabilityZone: view.availabilityZone }),
    ...(view.fromSnapshot && { fromSnapshot: view.fromSnapshot }),
    createdAt: view.createdAt,
    ...(view.operation ? { operation: view.operation } : {}),
  };
}

/** What a user of the share would type to mount it, given one of its export paths. */
export function mountCommand({ protocol, accessBy }: ShareView, path: string): string {
  const who = accessBy === 'user' ? 'username=USER' : 'guest';
  return protocol === 'NFS'
    ? `mount -t nfs4 -o vers=4.1 ${path} /mnt`
    : `mount -t cifs ${path.replaceAll('\\', '/')} /mnt -o ${who},vers=3.1.1`;
}

export function describeShare(view: ShareView): string {
  const facts = list([
    ['Share', view.id],
    ['Name', ...(view.name ? [view.name] : [])],
    ['Status', view.status],
    ['Problem', ...(view.error ? [view.error.message] : [])],
    ['Retry', ...retryInWords(view.retry)],
    ['Protocol', view.protocol],
    ['Size', `${view.sizeGib} GiB${largerVolume(view)}`],
    ['Network', ...(view.shareNetwork === null ? [] : [view.shareNetwork])],
    ['Backend', view.backend],
    ['Zone', ...(view.availabilityZone === undefined ? [] : [view.availabilityZone])],
    [
      'Made from',
      ...(view.fromSnapshot
        ? [`${view.fromSnapshot.shareId}/${view.fromSnapshot.snapshotId}`]
        : []),
    ],
    ['Service instance', view.serviceInstance ?? 'none yet'],
    ['Created', `${ago(view.createdAt)} (${view.createdAt})`],
    [
      'Export',
      ...view.exportLocations.map(({ path, adminOnly }) =>
        adminOnly ? `${path}  (operators only)` : path,
      ),
    ],
    [
      'Access',
      ...view.accessRules.map(
        (rule) => `${rule.to} ${rule.level}  (rule ${rule.id}, ${inWords(rule.state)})`,
      ),
    ],
    ['Snapshots', ...view.snapshots.map(({ id, status }) => `${id}  (${inWords(status)})`)],
    ['Note', ...(view.notes ?? [])],
  ]);
  return [facts, ...howToMount(view), ...howToAllow(view)].join('\n');
}

/** A shrunk share's volume keeps its size, and counts in Cinder's quota. */
const largerVolume = ({ sizeGib, volumeSizeGib }: ShareView): string =>
  volumeSizeGib !== null && volumeSizeGib > sizeGib ? ` (on a volume of ${volumeSizeGib} GiB)` : '';

/** Commands stand on lines of their own, to be copied whole. */
export function howToMount(view: ShareView): string[] {
  const paths = view.exportLocations.filter(({ adminOnly }) => !adminOnly);
  if (paths.length === 0) return [];
  return [
    '',
    'Mount it with:',
    ...paths.map(({ path }) => `  ${printable(mountCommand(view, path))}`),
  ];
}

/** How to make the first access rule, where there is none. */
export function howToAllow({ id, status, accessBy, accessRules }: ShareView): string[] {
  if (status !== 'available' || accessRules.length > 0) return [];
  return [
    '',
    'No access rules yet: nobody can mount it. Let a client in with:',
    `  hawser access allow ${id} ${accessBy === 'user' ? '--user NAME' : '--to ADDRESS'} --level rw`,
  ];
}

/** `queued_to_apply` as `queued to apply`. */
export const inWords = (state: string): string => state.replaceAll('_', ' ');

const shareColumns: Column<ShareView>[] = [
  { title: 'ID', value: ({ id }) => id },
  { title: 'NAME', value: ({ name }) => name, mayShrink: true },
  { title: 'STATUS', value: withRetry },
  { title: 'PROTOCOL', value: ({ protocol }) => protocol },
  { title: 'SIZE', value: ({ sizeGib }) => `${sizeGib} GiB` },
  { title: 'NETWORK', value: ({ shareNetwork }) => shareNetwork ?? '', mayShrink: true },
  { title: 'RULES', value: ({ accessRules }) => String(accessRules.length) },
  { title: 'CREATED', value: ({ createdAt }) => ago(createdAt) },
];

export function shareTable(views: ShareView[]): string {
  const named = views.some(({ name }) => name !== '');
  return table(
    shareColumns.filter(({ title }) => named || title !== 'NAME'),
    views,
    terminalWidth(),
  );
}

/** A service instance for programs: everything that is known, and its operation while one runs. */
export function instanceJson({ operation, ...view }: ServiceInstanceView): Record<string, unknown> {
  return { ...view, ...(operation ? { operation } : {}) };
}

export function describeInstance(view: ServiceInstanceView): string {
  return list([
    ['Service instance', view.id],
    ['Status', view.status],
    ['Problem', ...(view.error ? [view.error.message] : [])],
    ['Retry', ...retryInWords(view.retry)],
    ['Server', view.serverId ?? 'none yet'],
    ['Address', view.address ?? 'none yet'],
    ['Network', view.shareNetwork?.networkId ?? 'all (a server that was there before Hawser)'],
    ['Subnet', ...(view.shareNetwork ? [view.shareNetwork.subnetId] : [])],
    ['Backend', view.backend],
    ['Created', `${ago(view.createdAt)} (${view.createdAt})`],
    ['Places taken', `${view.shares.length} of ${view.maxShares}`],
    ['Shares', ...(view.shares.length > 0 ? view.shares : ['none'])],
    ['Unmanaged', ...(view.unmanagedShares ?? [])],
  ]);
}

export const instanceTable = (views: ServiceInstanceView[]): string =>
  table(
    [
      { title: 'ID', value: ({ id }) => id },
      { title: 'STATUS', value: withRetry },
      { title: 'ADDRESS', value: ({ address }) => address ?? '' },
      { title: 'SHARES', value: ({ shares, maxShares }) => `${shares.length} of ${maxShares}` },
    ],
    views,
  );

/** Text that goes to a file or a pipe is not cut. */
const terminalWidth = (): number => (process.stdout.isTTY && process.stdout.columns) || Infinity;
