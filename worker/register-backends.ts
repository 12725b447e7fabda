import type { NativeConnection } from '@temporalio/worker';
import { registeredPrefix } from '../workflows/model.js';

/**
 * Writes the names of the backends into the namespace's data, unless they are there: a backend without shares
 * would be unknown to everyone but its workers. Safe to repeat; workers add to each other's.
 */
export async function registerBackends(
  connection: NativeConnection,
  namespace: string,
  names: string[],
): Promise<void> {
  const { workflowService } = connection;
  const { namespaceInfo } = await workflowService.describeNamespace({ namespace });
  const known = namespaceInfo?.data ?? {};
  const missing = names.filter((name) => !(`${registeredPrefix}${name}` in known));
  if (missing.length === 0) return;
  const data = Object.fromEntries(missing.map((name) => [`${registeredPrefix}${name}`, 'true']));
  await workflowService.updateNamespace({ namespace, updateInfo: { data } });
}
