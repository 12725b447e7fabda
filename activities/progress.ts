import { Context } from '@temporalio/activity';

/** What a step carries from attempt to attempt, in its heartbeats. */
interface Details {
  /** The kind of the last failure, and how often in a row it came. */
  failure?: { type: string; count: number };
  [progress: string]: unknown;
}

const details = new WeakMap<Context, Details>();

const current = (context: Context): Details =>
  details.get(context) ?? asDetails(context.info.heartbeatDetails);

/** Says what the step sees now; kept with every heartbeat until the next report. */
export function reportProgress(progress: Record<string, unknown>): void {
  const context = Context.current();
  record(context, { ...progress, failure: current(context).failure });
}

/** Repeats the last report, so that a long request does not look like a dead worker. */
export function beat(context: Context): void {
  context.heartbeat(current(context));
}

/** How often in a row the step failed in this way, this time included. */
export function countFailure(context: Context, type: string): number {
  const { failure, ...progress } = current(context);
  const count = failure?.type === type ? failure.count + 1 : 1;
  record(context, { ...progress, failure: { type, count } });
  return count;
}

function record(context: Context, next: Details): void {
  details.set(context, next);
  context.heartbeat(next);
}

function asDetails(value: unknown): Details {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}
