import { z } from 'zod';
import { createApi } from '../openstack/api.js';
import type { Cloud } from '../openstack/index.js';

const text = z
  .string()
  .nullish()
  .transform((value) => value ?? '');

const resourceSchema = z.object({ id: z.string(), name: text });
const portSchema = resourceSchema.extend({ device_owner: text });
const keypairSchema = z
  .object({ keypair: z.object({ name: z.string() }) })
  .transform(({ keypair: { name } }) => ({ id: name, name }));

type Resource = z.output<typeof resourceSchema>;

export type Resources = Awaited<ReturnType<typeof listResources>>;

/**
 * Everything that Hawser and tenants make in a cloud, by kind and of all projects: `cloud` must be an
 * administrator's. Key pairs are a user's: those of its own user.
 */
export async function listResources({ session }: Pick<Cloud, 'session'>) {
  const everyone = { all_tenants: 1 };
  const compute = createApi(session, 'compute');
  const volume = createApi(session, 'volume', '3.27');
  const network = createApi(session, 'network');
  const ports = await network.list('/ports', 'ports', portSchema);
  const owned = (prefix: string) => ports.filter((port) => port.device_owner.startsWith(prefix));
  const neutrons = (path: string) =>
    network.list(`/${path}`, path.replaceAll('-', '_'), resourceSchema);
  return {
    servers: await compute.list('/servers', 'servers', resourceSchema, everyone),
    keypairs: await compute.list('/os-keypairs', 'keypairs', keypairSchema),
    volumes: await volume.list('/volumes', 'volumes', resourceSchema, everyone),
    snapshots: await volume.list('/snapshots', 'snapshots', resourceSchema, everyone),
    attachments: await volume.list('/attachments', 'attachments', resourceSchema, everyone),
    networks: await neutrons('networks'),
    subnets: await neutrons('subnets'),
    routers: await neutrons('routers'),
    routerInterfaces: owned('network:router_interface'),
    // Neutron's own come and go with networks and routers.
    ports: ports.filter((port) => !port.device_owner.startsWith('network:')),
    securityGroups: await neutrons('security-groups'),
    securityGroupRules: await neutrons('security-group-rules'),
  };
}

/** What is in one listing and not in the other: `+ports 1234 (name)`, `-ports …`; empty when they agree. */
export function differences(before: Resources, after: Resources): string[] {
  const then = lines(before);
  const now = lines(after);
  return [
    ...[...now].filter((line) => !then.has(line)).map((line) => `+${line}`),
    ...[...then].filter((line) => !now.has(line)).map((line) => `-${line}`),
  ];
}

function lines(resources: Resources): Set<string> {
  return new Set(
    Object.entries(resources).flatMap(([kind, list]: [string, Resource[]]) =>
      list.map(({ id, name }) => `${kind} ${id} (${name})`),
    ),
  );
}
