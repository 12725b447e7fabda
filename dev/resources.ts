import { request } from 'undici';
import { z } from 'zod';

const resourceSchema = z.looseObject({
  id: z.string(),
  name: z
    .string()
    .nullish()
    .transform((name) => name ?? ''),
});

const kinds = [
  ...(['servers', 'keypairs', 'volumes', 'snapshots', 'attachments'] as const),
  ...(['networks', 'subnets', 'ports', 'routers', 'routerInterfaces'] as const),
  ...(['securityGroups', 'securityGroupRules'] as const),
] as const;

const resourcesSchema = z.record(z.enum(kinds), z.array(resourceSchema));

export type Resources = z.output<typeof resourcesSchema>;

/** Everything that exists in the embedded cloud, by kind. */
export async function listResources(cloudUrl: string): Promise<Resources> {
  const { body } = await request(`${cloudUrl}/devcloud/resources`);
  return resourcesSchema.parse(await body.json());
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
    Object.entries(resources).flatMap(([kind, list]) =>
      list.map(({ id, name }) => `${kind} ${id} (${name})`),
    ),
  );
}
