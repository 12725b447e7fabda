import { ApplicationFailure } from '@temporalio/common';
import { expect } from 'vitest';
import { HostInterfaceNotReady, HostInterfaceUnusable } from '../../host-interface/errors.js';
import {
  AuthenticationFailed,
  EndpointNotFound,
  OpenStackError,
  OpenStackUnreachable,
  UnexpectedAnswer,
} from '../../openstack/errors.js';
import { toFailure } from '../../worker/failures.js';

const kinds = [
  HostInterfaceNotReady,
  HostInterfaceUnusable,
  OpenStackError,
  OpenStackUnreachable,
  UnexpectedAnswer,
  AuthenticationFailed,
  EndpointNotFound,
];

/** As a step would fail with it: typed, of a size that Temporal takes, with a delay that it can wait. */
export function expectFailure(error: unknown): void {
  expect(
    kinds.some((kind) => error instanceof kind),
    String(error),
  ).toBe(true);
  const failure = toFailure(error);
  expect(failure).toBeInstanceOf(ApplicationFailure);
  const { message, nextRetryDelay, type } = failure as ApplicationFailure;
  expect(type).toBeTruthy();
  expect(message.length).toBeLessThan(10_000);
  expect(Number(nextRetryDelay ?? 0)).toBeGreaterThanOrEqual(0);
  expect(Number(nextRetryDelay ?? 0)).toBeLessThanOrEqual(3_600_000);
}
