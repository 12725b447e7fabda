import { optionalTsToMs } from '@temporalio/common/lib/time.js';
import type { temporal } from '@temporalio/proto';
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

/** The histories of all workflows that run, or ended since. */
export async function historiesSince(
  { temporal: { workflow } }: HawserClient,
  sinceMs: number,
): Promise<HistoryEvent[][]> {
  const since = new Date(sinceMs).toISOString();
  const query = `ExecutionStatus = 'Running' OR CloseTime >= '${since}'`;
  const histories: HistoryEvent[][] = [];
  for await (const { workflowId, runId } of workflow.list({ query })) {
    const { events } = await workflow.getHandle(workflowId, runId).fetchHistory();
    histories.push((events ?? []).map(readEvent));
  }
  return histories;
}

function readEvent(event: temporal.api.history.v1.IHistoryEvent): HistoryEvent {
  const activity =
    event.activityTaskCompletedEventAttributes ?? event.activityTaskFailedEventAttributes;
  const ended = activity ?? event.workflowTaskCompletedEventAttributes;
  const name = event.activityTaskScheduledEventAttributes?.activityType?.name;
  return {
    id: String(event.eventId),
    at: optionalTsToMs(event.eventTime) ?? 0,
    kind: activity ? 'activity ended' : ended ? 'workflow task ended' : 'other',
    ...(name && { name }),
    ...(ended && {
      scheduledId: String(ended.scheduledEventId),
      startedId: String(ended.startedEventId),
    }),
  };
}
