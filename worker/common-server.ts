import { WorkflowUpdateFailedError, type Client } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import type { Backend } from '../activities/backend.js';
import { startOfInstance } from '../activities/placement.js';
import { findServerUpdate } from '../workflows/messages.js';
import { commonInstanceId } from '../workflows/model.js';
import type { Log } from './logger.js';

interface Search {
  backend: Pick<Backend, 'name' | 'options'>;
  temporal: Client;
  /** Ends the wait, not the search. */
  signal: AbortSignal;
  log: Pick<Log, 'info' | 'warn'>;
}

/**
 * Has a backend's one server for all shares looked for, where it has one, and logs that it is ready or what is
 * missing. Never rejects: the next share looks again. Safe to repeat, and in many workers at once.
 */
export async function findCommonServer({ backend, temporal, signal, log }: Search): Promise<void> {
  const { name, options } = backend;
  if (options.driver_handles_share_servers) return;
  const instanceId = commonInstanceId(name);
  try {
    const { serverId, address, exportAddress } = await temporal.withAbortSignal(signal, () =>
      temporal.workflow.executeUpdateWithStart(findServerUpdate, {
        args: [{ maxShares: options.max_shares_per_share_server }],
        startWorkflowOperation: startOfInstance(backend, { instanceId, shareNetwork: null }),
      }),
    );
    log.info({ backend: name, instanceId, serverId, address, exportAddress }, 'server ready');
  } catch (error) {
    if (signal.aborted) return;
    log.warn({ backend: name, instanceId, reason: reasonOf(error) }, 'server not ready');
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof WorkflowUpdateFailedError && error.cause instanceof ApplicationFailure) {
    return error.cause.message;
  }
  return error instanceof Error ? error.message : String(error);
}
