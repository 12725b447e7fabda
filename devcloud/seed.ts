import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { Cloud } from './cloud.js';
import { sizesOf } from './glance/image-files.js';
import { regionName } from './keystone/catalog.js';
import { hashSecret, hexId, randomSecret } from './keystone/secrets.js';
import { createNetwork } from './neutron/networks.js';
import { addSubnet } from './neutron/router-interfaces.js';
import { ensureDefaultGroup } from './neutron/security-groups.js';
import { createRouter, systemCaller } from './neutron/routers.js';
import { createSubnet } from './neutron/subnets.js';

/** What a cloud has when it is new. Passwords are made here, and written only where clients look. */
export async function seed(cloud: Cloud, imageFile: string | undefined): Promise<void> {
  if (cloud.tables.projects.all().length > 0) return;
  const projects = seedProjects(cloud);
  seedRoles(cloud);
  const passwords = seedUsers(cloud, projects);
  seedFlavors(cloud);
  cloud.tables.volumeTypes.put({
    id: randomUUID(),
    name: '__DEFAULT__',
    description: 'Default Volume Type',
    isPublic: true,
    extraSpecs: {},
  });
  if (imageFile) await seedImage(cloud, projects.admin, imageFile);
  seedNetworks(cloud, projects.admin, projects.demo);
  // Neutron makes it at a project's first request: here it is there before anybody counts resources.
  for (const projectId of Object.values(projects)) ensureDefaultGroup(cloud, projectId);
  await writeFile(join(cloud.stateDir, 'passwords.json'), JSON.stringify(passwords), {
    mode: 0o600,
  });
}

interface Projects {
  admin: string;
  service: string;
  demo: string;
}

function seedProjects({ tables }: Cloud): Projects {
  const add = (name: string) =>
    tables.projects.put({ id: hexId(), name, description: '', enabled: true }).id;
  return { admin: add('admin'), service: add('service'), demo: add('demo') };
}

function seedRoles({ tables }: Cloud): void {
  for (const name of ['admin', 'member', 'reader', 'service'])
    tables.roles.put({ id: hexId(), name });
}

export interface Passwords {
  admin: string;
  hawser: string;
  demo: string;
}

function seedUsers(cloud: Cloud, projects: Projects): Passwords {
  const add = (name: string, projectId: string, roles: string[]): string => {
    const password = randomSecret();
    const userId = hexId();
    cloud.tables.users.put({
      id: userId,
      name,
      passwordHash: hashSecret(password),
      enabled: true,
      defaultProjectId: projectId,
    });
    for (const { id: roleId, name: role } of cloud.tables.roles.all()) {
      if (!roles.includes(role)) continue;
      const id = `${userId}/${projectId}/${roleId}`;
      cloud.tables.assignments.put({ id, userId, projectId, roleId });
    }
    return password;
  };
  return {
    admin: add('admin', projects.admin, ['admin', 'member', 'reader']),
    // As Manila's own service user: it works on every tenant's networks.
    hawser: add('hawser', projects.service, ['admin', 'service']),
    demo: add('demo', projects.demo, ['member', 'reader']),
  };
}

function seedFlavors({ tables }: Cloud): void {
  const common = { vcpus: 1, isPublic: true, description: null, extraSpecs: {} };
  tables.flavors.put({ ...common, id: '1', name: 'm1.tiny', ramMib: 512, diskGib: 1 });
  tables.flavors.put({ ...common, id: '100', name: 'manila', ramMib: 512, diskGib: 2 });
}

/** The image is used where it lies. */
async function seedImage(cloud: Cloud, owner: string, file: string): Promise<void> {
  const now = new Date().toISOString();
  cloud.tables.images.put({
    id: randomUUID(),
    name: 'manila-service-image',
    status: 'active',
    visibility: 'public',
    owner,
    diskFormat: 'qcow2',
    containerFormat: 'bare',
    ...(await sizesOf(file)),
    checksum: null,
    osHashValue: null,
    minDisk: 0,
    minRam: 0,
    protected: false,
    hidden: false,
    tags: [],
    properties: {},
    file,
    createdAt: now,
    updatedAt: now,
  });
}

function seedNetworks(cloud: Cloud, admin: string, demo: string): void {
  const asAdmin = { ...systemCaller, projectId: admin };
  const asDemo = { ...systemCaller, projectId: demo };
  const outside = createNetwork(cloud, asAdmin, { name: 'public', 'router:external': true });
  createSubnet(cloud, asAdmin, {
    name: 'public-subnet',
    network_id: outside.id,
    cidr: '172.24.4.0/24',
    enable_dhcp: false,
  });
  const network = createNetwork(cloud, asDemo, { name: 'demo-net' });
  const subnet = createSubnet(cloud, asDemo, {
    name: 'demo-subnet',
    network_id: network.id,
    cidr: '10.10.0.0/24',
  });
  const router = createRouter(cloud, asDemo, {
    name: 'demo-router',
    external_gateway_info: { network_id: outside.id },
  });
  addSubnet(cloud, asDemo, router, subnet.id);
}

/** Rewritten at each start, as the port may be another. */
export async function writeCloudsYaml(cloud: Cloud, passwords: Passwords): Promise<string> {
  const entry = (username: string, project: string, password: string) => ({
    auth: {
      auth_url: `${cloud.url}/identity`,
      username,
      password,
      project_name: project,
      user_domain_name: 'Default',
      project_domain_name: 'Default',
    },
    region_name: regionName,
    identity_api_version: 3,
    volume_api_version: '3',
  });
  const clouds = {
    'devcloud-admin': entry('admin', 'admin', passwords.admin),
    hawser: entry('hawser', 'service', passwords.hawser),
    demo: entry('demo', 'demo', passwords.demo),
  };
  const file = join(cloud.stateDir, 'clouds.yaml');
  await writeFile(file, stringify({ clouds }), { mode: 0o600 });
  return file;
}
