import { WorkflowNotFoundError, type Client } from '@temporalio/client';

/** How a workflow is, or ended; a `status` of null is of one that Temporal does not know. */
export type Life =
  | { running: true; view: unknown }
  | { running: false; endedAt: Date | null; status: string | null; view: unknown };

/** Asks the workflow itself. */
export async function lifeOf(temporal: Client, workflowId: string): Promise<Life> {
  try {
    const { status, memo, closeTime } = await temporal.workflow.getHandle(workflowId).describe();
    const view = memo?.['view'];
    // One that continues as new ends for a moment.
    if (['RUNNING', 'CONTINUED_AS_NEW', 'PAUSED'].includes(status.name)) {
      return { running: true, view };
    }
    return { running: false, endedAt: closeTime ?? null, status: status.name, view };
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
    return { running: false, endedAt: null, status: null, view: undefined };
  }
}
