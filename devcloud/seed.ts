import { randomUUID } from 'node:crypto';
import type { Cloud } from './cloud.js';
import type { Passwords } from './clouds-yaml.js';
import { sizesOf } from './glance/image-files.js';
import type { Image } from './glance/rows.js';
import { hashSecret, hexId } from './keystone/secrets.js';
import { createNetwork } from './neutron/networks.js';
import { addSubnet } from './neutron/router-interfaces.js';
import { ensureDefaultGroup } from './neutron/security-groups.js';
import { createRouter, systemCaller } from './neutron/routers.js';
import { createSubnet } from './neutron/create-subnet.js';

/** What a cloud has when it is new. */
export async function seed(
  cloud: Cloud,
  passwords: Passwords,
  imageFile: string | undefined,
): Promise<void> {
  const image = imageFile && { file: imageFile, ...(await sizesOf(imageFile)) };
  if (cloud.tables.projects.all().length === 0) seedAll(cloud, passwords);
  if (image) seedImage(cloud, image);
}

/** All in one turn of the event loop, so that a kill leaves a whole cloud or none. */
function seedAll(cloud: Cloud, passwords: Passwords): void {
  const projects = seedProjects(cloud);
  seedRoles(cloud);
  seedUsers(cloud, projects, passwords);
  seedFlavors(cloud);
  cloud.tables.volumeTypes.put({
    id: randomUUID(),
    name: '__DEFAULT__',
    description: 'Default Volume Type',
    isPublic: true,
    extraSpecs: {},
  });
  seedNetworks(cloud, projects.admin, projects.demo);
  // Neutron makes it at a project's first request: here it is there before anybody counts resources.
  for (const projectId of Object.values(projects)) ensureDefaultGroup(cloud, projectId);
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

function seedUsers(cloud: Cloud, projects: Projects, passwords: Passwords): void {
  const add = (name: keyof Passwords, projectId: string, roles: string[]): void => {
    const userId = hexId();
    cloud.tables.users.put({
      id: userId,
      name,
      passwordHash: hashSecret(passwords[name]),
      enabled: true,
      defaultProjectId: projectId,
    });
    for (const { id: roleId, name: role } of cloud.tables.roles.all()) {
      if (!roles.includes(role)) continue;
      const id = `${userId}/${projectId}/${roleId}`;
      cloud.tables.assignments.put({ id, userId, projectId, roleId });
    }
  };
  add('admin', projects.admin, ['admin', 'member', 'reader']);
  // As Manila's own service user: it works on every tenant's networks.
  add('hawser', projects.service, ['admin', 'service']);
  add('demo', projects.demo, ['member', 'reader']);
}

function seedFlavors({ tables }: Cloud): void {
  const common = { vcpus: 1, isPublic: true, description: null, extraSpecs: {} };
  tables.flavors.put({ ...common, id: '1', name: 'm1.tiny', ramMib: 512, diskGib: 1 });
  tables.flavors.put({ ...common, id: '100', name: 'manila', ramMib: 512, diskGib: 2 });
}

/** The image is used where it lies; a later start may name a newer file. */
function seedImage(
  { tables }: Cloud,
  image: Pick<Image, 'sizeBytes' | 'virtualSizeBytes'> & { file: string },
): void {
  const name = 'manila-service-image';
  const owner = tables.projects.find((project) => project.name === 'admin')?.id ?? '';
  const found = tables.images.find((row) => row.name === name && row.owner === owner);
  if (found?.file === image.file) return;
  const now = new Date().toISOString();
  tables.images.put({
    id: randomUUID(),
    name,
    status: 'active',
    visibility: 'public',
    owner,
    diskFormat: 'qcow2',
    containerFormat: 'bare',
    checksum: null,
    osHashValue: null,
    minDisk: 0,
    minRam: 0,
    protected: false,
    hidden: false,
    tags: [],
    properties: {},
    createdAt: now,
    ...found,
    ...image,
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
