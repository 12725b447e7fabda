import { optionalTsToMs } from '@temporalio/common/lib/time.js';
import type { HawserClient } from '../client/index.js';

/** What a time line wants to know of an event. */
export interface HistoryEvent {
  id: string;
  /** In milliseconds since the epoch. */
  at: number;
  kind: 'activity ended' | 'workflow task ended' | 'other';
  /** Of an activity that is scheduled: its type. */
  name?: string;
  /** Of the events with which it was scheduled, and begun. */
  scheduledId?: string;
  startedId?: string;
}

/** The histories of a workflow's runs that went on since, and those of all workflows that it started in them. */
export async function historiesSince(
  hawser: HawserClient,
  workflowId: string,
  sinceMs: number,
  runId?: string,
): Promise<HistoryEvent[][]> {
  const { events } = await hawser.temporal.workflow.getHandle(workflowId, runId).fetchHistory();
  const own: HistoryEvent[] = [];
  const children: string[] = [];
  const former = events?.[0]?.workflowExecutionStartedEventAttributes?.continuedExecutionRunId;
  for (const event of events ?? []) {
    const at = optionalTsToMs(event.eventTime) ?? 0;
    const activity =
      event.activityTaskCompletedEventAttributes ?? event.activityTaskFailedEventAttributes;
    const ended = activity ?? event.workflowTaskCompletedEventAttributes;
    const name = event.activityTaskScheduledEventAttributes?.activityType?.name;
    const child = event.startChildWorkflowExecutionInitiatedEventAttributes?.workflowId;
    if (child && at >= sinceMs) children.push(child);
    own.push({
      id: String(event.eventId),
      at,
      kind: activity ? 'activity ended' : ended ? 'workflow task ended' : 'other',
      ...(name && { name }),
      ...(ended && {
        scheduledId: String(ended.scheduledEventId),
        startedId: String(ended.startedEventId),
      }),
    });
  }
  const others = children.map((child) => historiesSince(hawser, child, sinceMs));
  if (former && (own[0]?.at ?? 0) >= sinceMs) {
    others.push(historiesSince(hawser, workflowId, sinceMs, former));
  }
  return [own, ...(await Promise.all(others)).flat()];
}
