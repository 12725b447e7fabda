import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { CloudConfig } from '../../openstack/cloud-config.js';
import { connectCloud, type Cloud } from '../../openstack/index.js';
import { Secret } from '../../openstack/secret.js';
import { configOf, type Later, newName } from './clouds.js';

const identified = z.object({ id: z.string() });

export interface ThrowAwayProject {
  cloud: Cloud;
  config: CloudConfig;
  projectId: string;
  userId: string;
  password: string;
}

/** A project with a member of its own, whose quotas and logins nobody else feels. */
export async function makeThrowAwayProject(admin: Cloud, later: Later): Promise<ThrowAwayProject> {
  const { session } = admin;
  const name = newName('project');
  const password = randomBytes(12).toString('hex');
  const create = async (kind: 'project' | 'user', fields: object): Promise<string> => {
    const schema = z.object({ [kind]: identified });
    const call = { service: 'identity', method: 'POST', path: `/${kind}s` } as const;
    const answer = await session.request({ ...call, body: { [kind]: fields }, schema });
    const id = answer[kind]?.id ?? '';
    const path = `/${kind}s/${id}`;
    later(() => session.send({ service: 'identity', method: 'DELETE', path }));
    return id;
  };
  const projectId = await create('project', { name });
  const userId = await create('user', { name, password });
  const { roles } = await session.request({
    service: 'identity',
    method: 'GET',
    path: '/roles',
    query: { name: 'member' },
    schema: z.object({ roles: z.array(identified) }),
  });
  await session.send({
    service: 'identity',
    method: 'PUT',
    path: `/projects/${projectId}/users/${userId}/roles/${roles[0]?.id}`,
  });
  later(() => removeDefaultGroup(admin, projectId));
  const credentials = {
    kind: 'password',
    user: { id: userId },
    password: new Secret(password),
    project: { id: projectId },
  } as const;
  const config = { ...configOf('demo'), credentials };
  const cloud = connectCloud(config);
  later(() => cloud.session.close());
  return { cloud, config, projectId, userId, password };
}

/** Neutron makes one for every project that it hears of, and keeps it when the project goes. */
async function removeDefaultGroup({ network }: Cloud, projectId: string): Promise<void> {
  for (const { id } of await network.listSecurityGroups({ project_id: projectId })) {
    await network.deleteSecurityGroup(id);
  }
}
