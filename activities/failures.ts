import { ApplicationFailure } from '@temporalio/activity';

/**
 * Every way a step can fail, and who should act on it. The same names appear in the Web UI and in
 * `hawser … -o json`.
 */
export const failureTypes = {
  // The person who asked
  InvalidInput: 'caller',
  NetworkNotFound: 'caller',
  SubnetNotFound: 'caller',
  AmbiguousName: 'caller',
  SubnetWithoutRouter: 'caller',
  ShrinkingPossibleDataLoss: 'caller',
  AvailabilityZoneNotFound: 'caller',
  SnapshotNotFound: 'caller',
  SnapshotNotUsable: 'caller',
  ManageInvalidShare: 'caller',
  // The operator of the cloud
  ImageNotFound: 'operator',
  ImageNotActive: 'operator',
  FlavorNotFound: 'operator',
  QuotaExceeded: 'operator',
  NoFreeServiceSubnet: 'operator',
  SubnetsOverlap: 'operator',
  ServerFailed: 'operator',
  ServerNotFound: 'operator',
  HostKeyUnknown: 'operator',
  VolumeFailed: 'operator',
  AuthenticationFailed: 'operator',
  Forbidden: 'operator',
  RequestRefused: 'operator',
  NotFound: 'operator',
  EndpointNotFound: 'operator',
  BackendUnknown: 'operator',
  // The operator, at the worker's host
  HostNotConnected: 'operator',
  // The operator, at the service instance
  SshUnreachable: 'operator',
  HostKeyChanged: 'operator',
  ImageRequirementsNotMet: 'operator',
  AddressMissing: 'operator',
  InstanceUnhealthy: 'operator',
  InstanceInUse: 'operator',
  InstanceFull: 'operator',
  DeviceNotFound: 'operator',
  DeviceNotBlank: 'operator',
  CommandFailed: 'operator',
  // The operator of the cloud, about a snapshot
  SnapshotFailed: 'operator',
  SnapshotNotConsistent: 'operator',
  // Nobody: tried again
  CloudUnreachable: 'retried',
  CloudBusy: 'retried',
  HostUnreachable: 'retried',
} as const;

export type FailureType = keyof typeof failureTypes;

/** A host may have said anything in it, and a failure that Temporal does not take is no failure to anybody. */
const MAX_MESSAGE_LENGTH = 8000;

const shortened = (message: string): string =>
  message.length > MAX_MESSAGE_LENGTH ? `${message.slice(0, MAX_MESSAGE_LENGTH)}…` : message;

/** Repeating the step would not help. */
export function permanent(type: FailureType, message: string): ApplicationFailure {
  return ApplicationFailure.nonRetryable(shortened(message), type);
}

/** Repeating the step may help; `nextRetryDelayMs` overrides the policy's interval. */
export function passing(
  type: FailureType,
  message: string,
  nextRetryDelayMs?: number,
): ApplicationFailure {
  return ApplicationFailure.create({
    type,
    message: shortened(message),
    nonRetryable: false,
    nextRetryDelay: nextRetryDelayMs,
  });
}
