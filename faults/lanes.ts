import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { parse, stringify } from 'yaml';
import { z } from 'zod';
import { openCloud } from '../dev/cloud.js';
import type { BackendOverrides } from '../dev/files.js';
import { createTenantNetwork } from '../dev/tenant-network.js';
import type { Cloud } from '../openstack/index.js';
import { commonInstanceId, serviceInstanceId } from '../workflows/model.js';
import type { CloudControl } from './control.js';
import { bootExistingServer, existingServer } from './existing-server.js';

/**
 * A part of the cloud that nobody else feels: a project with its user, a tenant's network, and backends of Hawser's.
 * Whatever is wrong in it is its cell's doing.
 */
export interface Lane {
  /** Also the name of its backend. */
  name: string;
  layout: Layout;
  /** The id of its project. */
  project: string;
  /** Where its shares are created. */
  where: { backend: string; shareNetwork?: string };
  /** As the user of its workers. */
  cloud: Cloud;
  /** The id of the service instance that serves its network, whether there is one or not. */
  instance: string;
  /** Another network of its tenant's, in lanes that have one. */
  second?: { shareNetwork: string; instance: string };
  /** The ids of shares that there are or have been since the lane was clean. */
  shares: Set<string>;
  /** What nobody may read in a history. */
  secrets: string[];
}

/** A disk, as the test cloud's own image is not: what a volume is filled from. */
const bootableImage = 'bootable';

/** By which options of their own the backends of some lanes differ. */
const layouts = {
  plain: () => ({}),
  /** The tenant has two networks, and shares in both. */
  pair: () => ({}),
  /** Instances have a port in the tenant's own network. */
  tenant: () => ({ connect_share_server_to_tenant_network: true }),
  /** CIFS shares are open to users instead of addresses. */
  users: () => ({ share_helpers: 'NFS=NFSHelper, CIFS=CIFSHelperUserAccess' }),
  /** Instances boot from volumes. */
  volume: () => ({
    service_image_name: bootableImage,
    service_instance_boot_from_volume: true,
    service_instance_boot_volume_size: 2,
  }),
  /** All shares are on one server that is there already. */
  existing: (network) => ({
    driver_handles_share_servers: false,
    service_instance_name_or_id: existingServer,
    service_net_name_or_ip: network,
    tenant_net_name_or_ip: network,
  }),
} satisfies Record<string, (network: string) => BackendOverrides[string]>;

/** How long a file system is frozen at most, where hosts are as fast as simulated ones. */
export const freezeSeconds = 15;

export type Layout = keyof typeof layouts;

export interface Account {
  name: string;
  layout: Layout;
  project: string;
  password: string;
}

const identified = z.object({ id: z.string() });

export const laneName = (at: number): string => `lane-${at}`;
const networkOf = (lane: string): string => `net-${lane}`;

/** Projects and users for lanes, in a clouds.yaml of their own. */
export async function makeAccounts(
  admin: Cloud,
  control: CloudControl,
  wanted: Layout[],
): Promise<Account[]> {
  const create = async (kind: 'project' | 'user', fields: object): Promise<string> => {
    const answer = await admin.session.request({
      service: 'identity',
      method: 'POST',
      path: `/${kind}s`,
      body: { [kind]: fields },
      schema: z.object({ [kind]: identified }),
    });
    return answer[kind]?.id ?? '';
  };
  const { roles } = await admin.session.request({
    service: 'identity',
    method: 'GET',
    path: '/roles',
    query: { name: 'admin' },
    schema: z.object({ roles: z.array(identified) }),
  });
  const accounts: Account[] = [];
  for (const [at, layout] of wanted.entries()) {
    const name = laneName(at);
    const password = randomBytes(18).toString('base64url');
    const project = await create('project', { name });
    const user = await create('user', { name, password });
    const path = `/projects/${project}/users/${user}/roles/${roles[0]?.id}`;
    await admin.session.send({ service: 'identity', method: 'PUT', path });
    await control.unlimited(project);
    accounts.push({ name, layout, project, password });
  }
  return accounts;
}

export async function uploadBootableImage({ image }: Cloud): Promise<void> {
  const { id } = await image.createImage({
    name: bootableImage,
    diskFormat: 'raw',
    visibility: 'public',
  });
  await image.uploadImage(id, Readable.from('what a simulated host boots'));
}

const cloudsFile = z.object({
  clouds: z.looseObject({ hawser: z.looseObject({ auth: z.looseObject({}) }) }),
});

/** As the seeded clouds.yaml has its own clouds. Returns the file. */
export function writeCloudsYaml(stateDir: string, seeded: string, accounts: Account[]): string {
  const { hawser } = cloudsFile.parse(parse(readFileSync(seeded, 'utf8'))).clouds;
  const entries = accounts.map(({ name, password }) => {
    const auth = { ...hawser.auth, username: name, password, project_name: name };
    // A request that is never answered shall not be most of what a run waits for.
    return [name, { ...hawser, auth, api_timeout: 3 }];
  });
  const file = join(stateDir, 'lanes.yaml');
  writeFileSync(file, stringify({ clouds: Object.fromEntries(entries) }), { mode: 0o600 });
  return file;
}

/** The options of each lane's backend, on top of what all backends have. */
export function backendsOf(
  cloudsYaml: string,
  accounts: Account[],
  patience: number,
): BackendOverrides {
  const entries = accounts.map(({ name, layout }, at) => [
    name,
    {
      os_cloud: name,
      os_client_config_file: cloudsYaml,
      service_network_name: `service-${name}`,
      service_instance_security_group: `group-${name}`,
      manila_service_keypair_name: `key-${name}`,
      // Apart from each other's: a tunnel into the cloud knows a host by its address.
      service_network_cidr: `10.${100 + at}.0.0/16`,
      automatic_share_server_cleanup: false,
      max_time_to_build_instance: 60 * patience,
      // So long an undo waits for a volume that an instance which became another one does not let go of.
      max_time_to_create_volume: 30 * patience,
      max_time_to_freeze: freezeSeconds * patience,
      ...layouts[layout](networkOf(name)),
    },
  ]);
  return Object.fromEntries(entries) as BackendOverrides;
}

export async function openLanes(
  cloudsYaml: string,
  accounts: Account[],
  stateDir: string,
): Promise<Lane[]> {
  const keyFile = join(stateDir, 'ssh', 'id_ed25519');
  const key = readFileSync(keyFile, 'utf8');
  return Promise.all(
    accounts.map(async ({ name, layout, project, password }, at) => {
      const cloud = openCloud(cloudsYaml, name);
      const network = networkOf(name);
      const { subnetId } = await createTenantNetwork(cloud, network, `10.20.${at}.0/24`);
      const second = layout === 'pair' && (await openSecond(cloud, name, at));
      const existing = layout === 'existing';
      if (existing) await bootExistingServer(cloud, network, `${keyFile}.pub`);
      return {
        name,
        layout,
        project,
        where: { backend: name, ...(!existing && { shareNetwork: network }) },
        cloud,
        instance: existing ? commonInstanceId(name) : serviceInstanceId(name, subnetId, 0),
        ...(second && { second }),
        shares: new Set<string>(),
        secrets: [password, secretPartOf(key)],
      };
    }),
  );
}

async function openSecond(cloud: Cloud, lane: string, at: number): Promise<Lane['second']> {
  const shareNetwork = `${networkOf(lane)}-second`;
  const { subnetId } = await createTenantNetwork(cloud, shareNetwork, `10.21.${at}.0/24`);
  return { shareNetwork, instance: serviceInstanceId(lane, subnetId, 0) };
}

/** A line from the middle of a private key, as it would stand in any encoding that keeps text. */
const secretPartOf = (privateKey: string): string =>
  privateKey.split('\n').find((line) => line.length > 40 && !line.startsWith('-----')) ??
  privateKey;
