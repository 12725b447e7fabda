import { ApplicationFailure } from '@temporalio/activity';
import { passing, permanent } from '../activities/failures.js';
import { HostInterfaceNotReady, HostInterfaceUnusable } from '../host-interface/errors.js';
import {
  AuthenticationFailed,
  CloudConfigError,
  EndpointNotFound,
  OpenStackError,
  OpenStackUnreachable,
  UnexpectedAnswer,
} from '../openstack/errors.js';
import {
  CommandFailed,
  CommandTimedOut,
  ConnectionLost,
  HostKeyMismatch,
  HostUnreachable,
  InvalidCommand,
  OutputTooLong,
  SshAuthenticationRefused,
} from '../ssh/errors.js';

/** A script's exit status by which it says that repeating it would not help (sysexits.h). */
const exitDataError = 65;
const exitUnavailable = 69;

/** What fails in the same way this often in a row is not going to work by itself. */
const limits: Partial<Record<string, number>> = {
  CommandFailed: 5,
  CloudBusy: 20,
  // Longer than Neutron takes to see an agent that has just been started again.
  HostNotConnected: 8,
};

/** Ends the retries of a failure that came too often in a row. */
export function limited(error: unknown, countInARow: (type: string) => number): unknown {
  if (!(error instanceof ApplicationFailure) || error.nonRetryable || !error.type) return error;
  const count = countInARow(error.type);
  if (count < (limits[error.type] ?? Infinity)) return error;
  return ApplicationFailure.nonRetryable(`${error.message} (${count} times in a row)`, error.type);
}

/** Says once, for every client's error, whether the step is worth repeating. */
export function toFailure(error: unknown): unknown {
  if (error instanceof OpenStackError) return fromAnswer(error);
  if (error instanceof AuthenticationFailed) {
    return permanent('AuthenticationFailed', error.message);
  }
  if (error instanceof CloudConfigError) return permanent('AuthenticationFailed', error.message);
  if (error instanceof EndpointNotFound) return permanent('EndpointNotFound', error.message);
  if (error instanceof OpenStackUnreachable || error instanceof UnexpectedAnswer) {
    return passing('CloudUnreachable', error.message);
  }
  if (error instanceof HostInterfaceUnusable) return permanent('HostNotConnected', error.message);
  if (error instanceof HostInterfaceNotReady) return passing('HostNotConnected', error.message);
  if (error instanceof HostKeyMismatch) {
    return permanent(
      'HostKeyChanged',
      `${error.message}. Somebody may be in between: nothing was sent to it`,
    );
  }
  if (error instanceof CommandFailed) return fromCommand(error);
  if (error instanceof OutputTooLong || error instanceof InvalidCommand) {
    return permanent('CommandFailed', error.message);
  }
  if (error instanceof CommandTimedOut) return passing('CommandFailed', error.message);
  if (
    error instanceof HostUnreachable ||
    error instanceof ConnectionLost ||
    error instanceof SshAuthenticationRefused
  ) {
    return passing('HostUnreachable', error.message);
  }
  return error;
}

function fromAnswer(error: OpenStackError): ApplicationFailure {
  const { status, message } = error;
  if (isQuota(error)) return permanent('QuotaExceeded', message);
  if (status === 401) return permanent('AuthenticationFailed', message);
  if (status === 403) return permanent('Forbidden', message);
  if (status === 404) return permanent('NotFound', message);
  if ([409, 412, 413, 429].includes(status))
    return passing('CloudBusy', message, error.retryAfterMs);
  if (status === 408 || status >= 500) {
    return passing('CloudUnreachable', message, error.retryAfterMs);
  }
  return permanent('RequestRefused', message);
}

/** Nova says 403, Neutron 409, Cinder 413 (which with a Retry-After means "slower"). */
function isQuota({ service, status, code, reason, retryAfterMs }: OpenStackError): boolean {
  if (status === 413) return !retryAfterMs;
  if (code === 'OverQuota') return true;
  return service === 'compute' && status === 403 && reason.includes('Quota exceeded');
}

function fromCommand(error: CommandFailed): ApplicationFailure {
  if (error.exitCode === exitDataError) return permanent('DeviceNotBlank', error.message);
  if (error.exitCode === exitUnavailable) return permanent('DeviceNotFound', error.message);
  return passing('CommandFailed', error.message);
}
