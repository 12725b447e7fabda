import { proxyActivities, rootCause, type ActivityOptions } from '@temporalio/workflow';
import type { InventoryActivities } from '../activities/inventory.js';
import type { StatisticsActivities } from '../activities/statistics.js';
import { cloudCall } from './activity-options.js';
import type {
  BackendStatistics,
  Capabilities,
  FileSystemUsage,
  InstanceStatistics,
  Inventory,
  InventoryInstance,
  OwnCapabilities,
  VolumeQuota,
} from './statistics-model.js';
import { step } from './step.js';

/** A person waits: what does not answer is said so, and delays nobody. */
const quick: ActivityOptions = {
  ...cloudCall,
  startToCloseTimeout: '15s',
  scheduleToCloseTimeout: '30s',
  retry: { initialInterval: '500ms', maximumAttempts: 2 },
};

const { listInventory, findInstanceHost } = proxyActivities<InventoryActivities>(quick);
const { describeBackend, readVolumeQuota, measureUsage } =
  proxyActivities<StatisticsActivities>(quick);

/**
 * What a backend has, what of it is taken, and how much clients use. Asks all service instances at the same
 * time and says which do not answer. Changes nothing.
 */
export async function backendStatistics({
  backend,
}: {
  backend: string;
}): Promise<BackendStatistics> {
  const [own, inventory, quota] = await Promise.all([
    describeBackend.executeWithOptions(step('read the configuration'), [{ backend }]),
    listInventory.executeWithOptions(step('list shares and service instances'), [{ backend }]),
    attempt(() => readVolumeQuota.executeWithOptions(step("volumes' quota"), [{ backend }])),
  ]);
  const measured = await Promise.all(
    inventory.instances.map((instance) => measure(backend, instance)),
  );
  const usages = measured.flatMap(({ usages: some }) => some);
  const instances = measured.map(({ statistics }) => statistics);
  return {
    backend,
    takenAt: new Date().toISOString(),
    capabilities: capabilitiesOf(own, inventory, quota.value),
    volumeQuota: quota.value,
    usedBytes: usages.reduce((sum, { usedBytes }) => sum + usedBytes, 0),
    placesFree: instances.reduce((sum, { placesFree }) => sum + placesFree, 0),
    instances,
    shares: inventory.shares.map((share) => ({ ...share, usage: usageOf(share.id, usages) })),
    problems: [
      ...(quota.problem === null ? [] : [`The volumes' quota is not known: ${quota.problem}`]),
      ...instances.flatMap(({ id, problem }) =>
        problem === null ? [] : [`Service instance ${id} was not asked: ${problem}`],
      ),
    ],
  };
}

async function measure(
  backend: string,
  instance: InventoryInstance,
): Promise<{ statistics: InstanceStatistics; usages: FileSystemUsage[] }> {
  const active = instance.status === 'active';
  const placesFree = active ? Math.max(0, instance.maxShares - instance.shares) : 0;
  const { value, problem } = active
    ? await attempt(() => ask(backend, instance.id))
    : { value: null, problem: `it is ${instance.status}` };
  return { statistics: { ...instance, placesFree, problem }, usages: value ?? [] };
}

async function ask(backend: string, instanceId: string): Promise<FileSystemUsage[]> {
  const host = await findInstanceHost.executeWithOptions(step(`where ${instanceId} is`), [
    { backend, instanceId },
  ]);
  return measureUsage.executeWithOptions(step(`what shares use on ${instanceId}`), [{ host }]);
}

/** What does not work is part of the answer. */
async function attempt<T>(
  question: () => Promise<T>,
): Promise<{ value: T | null; problem: string | null }> {
  try {
    return { value: await question(), problem: null };
  } catch (error) {
    return { value: null, problem: rootCause(error) ?? String(error) };
  }
}

function usageOf(id: string, usages: FileSystemUsage[]): Omit<FileSystemUsage, 'shareId'> | null {
  const found = usages.find(({ shareId }) => shareId === id);
  if (!found) return null;
  const { totalBytes, usedBytes, availableBytes } = found;
  return { totalBytes, usedBytes, availableBytes };
}

function capabilitiesOf(
  own: OwnCapabilities,
  { shares }: Inventory,
  quota: VolumeQuota | null,
): Capabilities {
  const sum = (sizes: number[]) => sizes.reduce((total, size) => total + size, 0);
  const total = quota === null ? 'unknown' : (quota.maxGib ?? 'infinite');
  return {
    ...own,
    total_capacity_gb: total,
    free_capacity_gb:
      typeof total === 'number' && quota ? Math.max(0, total - quota.gibUsed) : total,
    provisioned_capacity_gb: sum(shares.map(({ sizeGib }) => sizeGib)),
    allocated_capacity_gb: sum(
      shares.map(({ sizeGib, volumeSizeGib }) => volumeSizeGib ?? sizeGib),
    ),
  };
}
