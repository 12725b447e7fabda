import proto from '@temporalio/proto';
import type { Bench } from '../bench.js';
import type { Finding } from '../findings.js';
import type { Lane } from '../lanes.js';
import { tellsSecret } from './secrets.js';

/** No secret in a history or memo, and no task of a workflow that failed: replay takes the way it took before. */
export async function lookIntoHistories(
  { hawser }: Bench,
  { name, secrets }: Lane,
  since: Date,
): Promise<Finding[]> {
  const { workflow } = hawser.temporal;
  const query = `HawserBackend = '${name}' AND (StartTime >= '${since.toISOString()}' OR ExecutionStatus = 'Running')`;
  const findings: Finding[] = [];
  for await (const { workflowId, runId } of workflow.list({ query })) {
    const history = await workflow.getHandle(workflowId, runId).fetchHistory();
    const bytes = Buffer.from(proto.temporal.api.history.v1.History.encode(history).finish());
    if (tellsSecret(bytes, secrets)) {
      findings.push({ outcome: 'leaked', text: `a secret is in ${workflowId}` });
    }
    for (const { workflowTaskFailedEventAttributes: failed } of history.events ?? []) {
      const reason = failed?.failure?.message ?? '';
      // A task whose worker was killed, or that an update came into the way of, is only done again.
      if (failed && /nondeterminis|TMPRL1100|Error:/i.test(reason)) {
        findings.push({ outcome: 'lost', text: `a task of ${workflowId} failed: ${reason}` });
      }
    }
  }
  return findings;
}
