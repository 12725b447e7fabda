import {
  WorkflowFailedError,
  type Client,
  type WorkflowHandleWithFirstExecutionRunId,
} from '@temporalio/client';
import { taskQueue } from '../workflows/model.js';
import { searchAttributes } from '../workflows/search-attributes.js';
import type { BackendStatistics } from '../workflows/statistics-model.js';
import type { backendStatistics } from '../workflows/backend-statistics.js';
import { OperationFailed } from './errors.js';
import { reasonOf, requireWorker, whileServed } from './updates.js';

/** One backend as it can be seen without asking its service instances. */
export interface BackendSummary {
  name: string;
  /** Whether a worker serves it now. */
  served: boolean;
  shares: number;
  /** Of all its shares. */
  sizeGib: number;
  instances: number;
}

interface Found {
  backend: string;
  sizeGib?: number;
}

/** The backends that a worker has registered, and those that things are left of, by name. */
export function summarize(
  registered: string[],
  shares: Found[],
  instances: Found[],
): Omit<BackendSummary, 'served'>[] {
  const names = new Set([
    ...registered,
    ...[...shares, ...instances].map(({ backend }) => backend),
  ]);
  return [...names].sort().map((name) => {
    const own = shares.filter(({ backend }) => backend === name);
    return {
      name,
      shares: own.length,
      sizeGib: own.reduce((sum, { sizeGib = 0 }) => sum + sizeGib, 0),
      instances: instances.filter(({ backend }) => backend === name).length,
    };
  });
}

/** Runs the operation, or waits for the one that runs already. */
export async function runStatistics(client: Client, backend: string): Promise<BackendStatistics> {
  await requireWorker(client, backend);
  const handle = await client.workflow.start<typeof backendStatistics>('backendStatistics', {
    workflowId: `backendStatistics-${backend}`,
    taskQueue: taskQueue(backend),
    workflowIdConflictPolicy: 'USE_EXISTING',
    // Nothing is to be undone when it is ended.
    workflowExecutionTimeout: '3 minutes',
    args: [{ backend }],
    staticSummary: `Statistics of backend ${backend}`,
    typedSearchAttributes: [{ key: searchAttributes.backend, value: backend }],
  });
  try {
    return await whileServed(client, backend, () => handle.result());
  } catch (error) {
    throw translated(error, handle);
  }
}

function translated(
  error: unknown,
  { workflowId }: WorkflowHandleWithFirstExecutionRunId,
): unknown {
  if (!(error instanceof WorkflowFailedError)) return error;
  const { type, message } = reasonOf(error);
  return new OperationFailed(type, `${workflowId}: ${message}`);
}
