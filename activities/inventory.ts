import type { Client } from '@temporalio/client';
import { z } from 'zod';
import { instanceQuery } from '../workflows/messages.js';
import { equals, serviceInstanceWorkflowId, type InstanceHost } from '../workflows/model.js';
import type {
  Inventory,
  InventoryInstance,
  InventoryShare,
} from '../workflows/statistics-model.js';
import { permanent } from './failures.js';

export type InventoryActivities = ReturnType<typeof createInventoryActivities>;

const shareSchema: z.ZodType<InventoryShare> = z.object({
  id: z.string(),
  status: z.string(),
  sizeGib: z.number(),
  volumeSizeGib: z.number().nullable().default(null),
  serviceInstance: z.string().nullable(),
});

const instanceSchema: z.ZodType<InventoryInstance> = z.object({
  id: z.string(),
  status: z.string(),
  shares: z.array(z.string()).transform((ids) => ids.length),
  maxShares: z.number(),
});

/** A workflow that does not answer must not hold up the answer of the others. */
const QUERY_LIMIT_MS = 10_000;

/** What there is, by the workflows that stand for it. */
export function createInventoryActivities(temporal: Client) {
  const list = async <T>(type: string, backend: string, schema: z.ZodType<T>): Promise<T[]> => {
    const query = `WorkflowType = '${type}' AND ExecutionStatus = 'Running' AND ${equals('HawserBackend', backend)}`;
    const found: T[] = [];
    for await (const { memo } of temporal.workflow.list({ query })) {
      const { data } = schema.safeParse(memo?.['view']);
      if (data) found.push(data);
    }
    return found;
  };
  const byId = (a: { id: string }, b: { id: string }) => a.id.localeCompare(b.id);

  return {
    /** The shares and service instances of a backend; may lag a moment behind. Changes nothing. */
    async listInventory({ backend }: { backend: string }): Promise<Inventory> {
      const [shares, instances] = await Promise.all([
        list('share', backend, shareSchema),
        list('serviceInstance', backend, instanceSchema),
      ]);
      return { shares: shares.toSorted(byId), instances: instances.toSorted(byId) };
    },

    /** Where a service instance answers, and the key that it proves. Changes nothing. */
    async findInstanceHost({
      instanceId,
    }: {
      backend: string;
      instanceId: string;
    }): Promise<InstanceHost> {
      const handle = temporal.workflow.getHandle(serviceInstanceWorkflowId(instanceId));
      const instance = await temporal.withDeadline(Date.now() + QUERY_LIMIT_MS, () =>
        handle.query(instanceQuery),
      );
      if (instance) return instance;
      throw permanent('NotFound', `Service instance ${instanceId} has no server`);
    },
  };
}
