import {
  NamespaceNotFoundError,
  ServiceError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
  isGrpcServiceError,
} from '@temporalio/client';
import { Refused, TemporalDenied, TemporalUnreachable } from './errors.js';

export interface Service {
  address: string;
  namespace: string;
}

/** gRPC's codes. */
const status = {
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  permissionDenied: 7,
  unavailable: 14,
  unauthenticated: 16,
};

/** Names what Temporal's own errors mean for a caller; anything else comes back as it was. */
export function translateServiceError(error: unknown, { address, namespace }: Service): unknown {
  const cause = error instanceof ServiceError ? error.cause : error;
  if (cause instanceof NamespaceNotFoundError) {
    return noNamespace(namespace, address);
  }
  if (error instanceof WorkflowUpdateRPCTimeoutOrCancelledError) {
    return new TemporalUnreachable(address, 'no answer in time', { cause: error });
  }
  if (!isGrpcServiceError(cause)) return error;
  const code: number = cause.code;
  switch (code) {
    case status.unavailable:
    case status.deadlineExceeded:
      return new TemporalUnreachable(address, reasonIn(cause.details), { cause: error });
    case status.notFound:
      return /namespace/i.test(cause.details) ? noNamespace(namespace, address) : error;
    case status.permissionDenied:
    case status.unauthenticated:
      return new TemporalDenied(
        `Temporal at ${address} does not let us into namespace ${namespace}: ${cause.details}. ` +
          'Check TEMPORAL_API_KEY, TEMPORAL_TLS_* or temporal.toml.',
        { cause: error },
      );
    case status.invalidArgument:
      return /\bHawser[A-Z]/.test(cause.details) ? noSearchAttributes(namespace) : error;
    default:
      return error;
  }
}

const noNamespace = (namespace: string, address: string) =>
  new TemporalDenied(
    `Temporal at ${address} has no namespace ${namespace}. ` +
      'Name another with --namespace or TEMPORAL_NAMESPACE.',
  );

const noSearchAttributes = (namespace: string) =>
  new Refused(
    'NoSearchAttributes',
    `Namespace ${namespace} cannot filter lists yet: the first worker that starts registers what that ` +
      'needs. Start one with: hawser worker',
  );

/** gRPC wraps the system's words (`connect ECONNREFUSED …`) in its own. */
function reasonIn(details: string): string {
  const inner = /Last error: (?:Error: )?([^.]+(?:\.[^. ]+)*)/.exec(details)?.[1];
  return (inner ?? details).replace(/\s+/g, ' ').trim();
}
