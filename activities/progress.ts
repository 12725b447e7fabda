import { Context } from '@temporalio/activity';

const details = new WeakMap<Context, unknown>();

/** Says what the step sees now; kept with every heartbeat until the next report. */
export function reportProgress(progress: unknown): void {
  const context = Context.current();
  details.set(context, progress);
  context.heartbeat(progress);
}

/** Repeats the last report, so that a long request does not look like a dead worker. */
export function beat(context: Context): void {
  context.heartbeat(details.get(context) ?? context.info.heartbeatDetails);
}
