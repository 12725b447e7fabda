import type { ServiceInstanceView, ShareView } from '../../workflows/model.js';
import { list, table, type Column } from './tables.js';
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
    exportLocations: view.exportLocations,
    accessRules: view.accessRules,
    error: view.error,
    backend: view.backend,
    createdAt: view.createdAt,
    ...(view.operation ? { operation: view.operation } : {}),
  };
}

/** What a user of the share would type to mount it, given one of its export paths. */
export function mountCommand({ protocol }: ShareView, path: string): string {
  return protocol === 'NFS'
    ? `mount -t nfs4 -o vers=4.1 ${path} /mnt`
    : `mount -t cifs ${path.replaceAll('\\', '/')} /mnt -o guest,vers=3.1.1`;
}

export function describeShare(view: ShareView): string {
  const exports = view.exportLocations.map(({ path, adminOnly }) =>
    adminOnly ? `${path}  (operators only)` : path,
  );
  const mounts = view.exportLocations
    .filter(({ adminOnly }) => !adminOnly)
    .map(({ path }) => mountCommand(view, path));
  return list([
    ['Share', view.id],
    ...(view.name ? ([['Name', view.name]] as [string, string][]) : []),
    ['Status', view.status],
    ...(view.error ? ([['Problem', view.error.message]] as [string, string][]) : []),
    ['Protocol', view.protocol],
    ['Size', `${view.sizeGib} GiB`],
    ['Network', view.shareNetwork],
    ['Backend', view.backend],
    ['Service instance', view.serviceInstance ?? 'none yet'],
    ['Created', `${ago(view.createdAt)} (${view.createdAt})`],
    ['Export', ...exports],
    ['Mount with', ...mounts],
    ['Access', ...describeAccess(view)],
  ]);
}

/** The rules one a line, or how to make the first one. */
export function describeAccess({ id, status, accessRules }: ShareView): string[] {
  if (accessRules.length > 0) {
    return accessRules.map(
      (rule) => `${rule.to} ${rule.level}  (rule ${rule.id}, ${rule.state.replaceAll('_', ' ')})`,
    );
  }
  return status === 'available'
    ? [
        'no access rules yet, so nobody can mount it: let a client in with',
        `hawser access allow ${id} --to ADDRESS --level rw`,
      ]
    : ['no access rules yet'];
}

const shareColumns: Column<ShareView>[] = [
  { title: 'ID', value: ({ id }) => id },
  { title: 'NAME', value: ({ name }) => name, mayShrink: true },
  { title: 'STATUS', value: ({ status }) => status },
  { title: 'PROTOCOL', value: ({ protocol }) => protocol },
  { title: 'SIZE', value: ({ sizeGib }) => `${sizeGib} GiB` },
  { title: 'NETWORK', value: ({ shareNetwork }) => shareNetwork, mayShrink: true },
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
    ...(view.error ? ([['Problem', view.error.message]] as [string, string][]) : []),
    ['Server', view.serverId ?? 'none yet'],
    ['Address', view.address ?? 'none yet'],
    ['Network', view.shareNetwork.networkId],
    ['Subnet', view.shareNetwork.subnetId],
    ['Backend', view.backend],
    ['Created', `${ago(view.createdAt)} (${view.createdAt})`],
    ['Places taken', `${view.shares.length} of ${view.maxShares}`],
    ['Shares', ...(view.shares.length > 0 ? view.shares : ['none'])],
  ]);
}

export const instanceTable = (views: ServiceInstanceView[]): string =>
  table(
    [
      { title: 'ID', value: ({ id }) => id, mayShrink: true },
      { title: 'STATUS', value: ({ status }) => status },
      { title: 'ADDRESS', value: ({ address }) => address ?? '' },
      { title: 'SHARES', value: ({ shares, maxShares }) => `${shares.length} of ${maxShares}` },
      { title: 'CREATED', value: ({ createdAt }) => ago(createdAt) },
    ],
    views,
    terminalWidth(),
  );

/** Text that goes to a file or a pipe is not cut. */
const terminalWidth = (): number => (process.stdout.isTTY ? process.stdout.columns : Infinity);
