import type { Cloud } from '../../openstack/index.js';

interface Quota {
  service: 'compute' | 'volume' | 'network';
  projectId: string;
  limits: Record<string, number>;
}

/** Sets what a project may have. Safe to repeat. */
export async function setQuota(
  { session }: Cloud,
  { service, projectId, limits }: Quota,
): Promise<void> {
  const [path, key] =
    service === 'network'
      ? [`/quotas/${projectId}`, 'quota']
      : [`/os-quota-sets/${projectId}`, 'quota_set'];
  await session.send({ service, method: 'PUT', path, body: { [key]: limits } });
}
