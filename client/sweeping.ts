import { WorkflowFailedError, type Client } from '@temporalio/client';
import { equals, taskQueue } from '../workflows/model.js';
import { searchAttributes } from '../workflows/search-attributes.js';
import type { SweepReport } from '../workflows/sweep-model.js';
import type { sweep, SweepInput } from '../workflows/sweep.js';
import { OperationFailed } from './errors.js';
import { reasonOf, requireWorker, whileServed } from './updates.js';

export interface SweepOptions {
  /** A key under `backends` in hawser.yaml. */
  backend: string;
  /** Removes what it finds; without it nothing is changed. */
  remove?: boolean;
  /** How old an orphan has to be to be removed, in seconds; the backend's `sweep_grace_period` without it. */
  graceSeconds?: number;
  /** Removes although Temporal knows of no share and no service instance of the backend. */
  evenIfNothingLives?: boolean;
  /** Removes the data of shares too of which Temporal knows nothing: none by that name, or none any more. */
  evenIfUnknown?: boolean;
}

/** Runs the sweep, or waits for the one of its kind that runs already. */
export async function runSweep(client: Client, options: SweepOptions): Promise<SweepReport> {
  const { backend, remove = false, graceSeconds = null } = options;
  const { evenIfNothingLives = false, evenIfUnknown = false } = options;
  const input: SweepInput = { backend, remove, graceSeconds, evenIfNothingLives, evenIfUnknown };
  await requireWorker(client, backend);
  const handle = await client.workflow.start<typeof sweep>('sweep', {
    workflowId: `sweep${remove ? '-delete' : ''}-${backend}`,
    taskQueue: taskQueue(backend),
    workflowIdConflictPolicy: 'USE_EXISTING',
    args: [input],
    staticSummary: `${remove ? 'Remove' : 'Look for'} what belongs to nobody in ${backend}`,
    typedSearchAttributes: [{ key: searchAttributes.backend, value: backend }],
  });
  try {
    return await whileServed(client, backend, () => handle.result());
  } catch (error) {
    if (!(error instanceof WorkflowFailedError)) throw error;
    const { type, message } = reasonOf(error);
    throw new OperationFailed(type, message);
  }
}

/** What the latest sweep that ended well said, by whomever it was begun; null without one that Temporal remembers. */
export async function latestSweep(client: Client, backend: string): Promise<SweepReport | null> {
  const query = `WorkflowType = 'sweep' AND ExecutionStatus = 'Completed' AND ${equals('HawserBackend', backend)}`;
  let latest: { workflowId: string; runId: string; startTime: Date } | undefined;
  for await (const found of client.workflow.list({ query })) {
    if (!latest || found.startTime > latest.startTime) latest = found;
  }
  if (!latest) return null;
  const { workflowId, runId } = latest;
  return client.workflow.getHandle<typeof sweep>(workflowId, runId).result();
}
