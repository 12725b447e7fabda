import {
  HawserError,
  NoWorker,
  OperationFailed,
  TemporalDenied,
  TemporalUnreachable,
} from '../client/index.js';

/** Whether Hawser said no, before anything was done. */
export const isRefusal = (error: unknown): error is HawserError =>
  error instanceof HawserError &&
  !(error instanceof OperationFailed) &&
  !(error instanceof NoWorker) &&
  !(error instanceof TemporalDenied) &&
  !(error instanceof TemporalUnreachable);
