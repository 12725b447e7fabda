import { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { expect, test } from 'vitest';
import { countFailure } from '../../activities/progress.js';
import { HostInterfaceNotReady, HostInterfaceUnusable } from '../../host-interface/errors.js';
import {
  AuthenticationFailed,
  OpenStackError,
  OpenStackUnreachable,
  UnexpectedAnswer,
  type Service,
} from '../../openstack/errors.js';
import {
  CommandFailed,
  HostKeyMismatch,
  HostUnreachable,
  OutputTooLong,
} from '../../ssh/errors.js';
import { limited, toFailure } from '../../worker/failures.js';

const answer = (service: Service, status: number, code: string, reason: string) =>
  new OpenStackError({
    service,
    method: 'POST',
    url: 'http://cloud/x',
    status,
    code,
    reason,
    requestId: 'req-1',
  });

const command = (exitCode: number) =>
  new CommandFailed({
    address: '10.254.0.5',
    command: 'format-volume',
    code: exitCode,
    stdout: '',
    stderr: 'words',
  });

function failureOf(error: unknown): ApplicationFailure {
  const failure = toFailure(error);
  expect(failure).toBeInstanceOf(ApplicationFailure);
  return failure as ApplicationFailure;
}

test.each([
  ['a bad request', answer('compute', 400, 'badRequest', 'Invalid'), 'RequestRefused'],
  ['a forbidden one', answer('network', 403, 'PolicyNotAuthorized', 'no'), 'Forbidden'],
  [
    "Nova's quota",
    answer('compute', 403, 'forbidden', 'Quota exceeded for cores'),
    'QuotaExceeded',
  ],
  ["Neutron's quota", answer('network', 409, 'OverQuota', 'Quota exceeded'), 'QuotaExceeded'],
  ["Cinder's quota", answer('volume', 413, 'overLimit', 'VolumeLimit'), 'QuotaExceeded'],
  [
    'a wrong password',
    new AuthenticationFailed({
      url: 'http://cloud/v3',
      status: 401,
      reason: 'no',
      source: 'clouds.yaml',
    }),
    'AuthenticationFailed',
  ],
  [
    'another host key',
    new HostKeyMismatch({ address: '10.254.0.5', expected: 'SHA256:a', actual: 'SHA256:b' }),
    'HostKeyChanged',
  ],
  ['a host without a program', new HostInterfaceUnusable('install it'), 'HostNotConnected'],
  ['a device that is not blank', command(65), 'DeviceNotBlank'],
  ['a device that never came', command(69), 'DeviceNotFound'],
  [
    'output without end',
    new OutputTooLong({ address: '10.254.0.5', command: 'x', limitBytes: 1 }),
    'CommandFailed',
  ],
])('%s fails at once', (_, error, type) => {
  expect(failureOf(error)).toMatchObject({ type, nonRetryable: true });
});

test.each([
  ['a conflict', answer('compute', 409, 'conflictingRequest', 'busy'), 'CloudBusy'],
  ['a change that somebody came before', answer('network', 412, 'x', 'revision'), 'CloudBusy'],
  ['an agent that starts', new HostInterfaceNotReady('not bound yet'), 'HostNotConnected'],
  ['too many requests', answer('compute', 429, 'overLimit', 'slow down'), 'CloudBusy'],
  ['a broken service', answer('compute', 503, '', 'down'), 'CloudUnreachable'],
  [
    'a cloud out of reach',
    new OpenStackUnreachable({
      service: 'compute',
      method: 'GET',
      url: 'http://cloud/x',
      detail: 'connection refused',
      timedOut: false,
    }),
    'CloudUnreachable',
  ],
  [
    "a proxy's page instead of an answer",
    new UnexpectedAnswer({
      service: 'compute',
      method: 'GET',
      url: 'http://cloud/x',
      detail: 'not JSON',
    }),
    'CloudUnreachable',
  ],
  [
    'a silent host',
    new HostUnreachable({ address: '10.254.0.5', cause: new Error('ETIMEDOUT') }),
    'HostUnreachable',
  ],
  ['a command that failed', command(1), 'CommandFailed'],
])('%s is tried again', (_, error, type) => {
  expect(failureOf(error)).toMatchObject({ type, nonRetryable: false });
});

test('what fails in the same way too often in a row is given up, anything between starts anew', () => {
  const command1 = toFailure(command(1));
  expect(limited(command1, () => 4)).toMatchObject({ nonRetryable: false });
  expect(limited(command1, () => 5)).toMatchObject({ nonRetryable: true, type: 'CommandFailed' });
  const conflict = toFailure(answer('compute', 409, 'conflictingRequest', 'busy'));
  expect(limited(conflict, () => 19)).toMatchObject({ nonRetryable: false });
  expect(limited(conflict, () => 20)).toMatchObject({ nonRetryable: true });
  const down = toFailure(answer('compute', 503, '', 'down'));
  expect(limited(down, () => 1000)).toMatchObject({ nonRetryable: false });
});

test('failures in a row are counted over the attempts of a step, kind by kind', async () => {
  const counted = async (heartbeatDetails: unknown, type: string) =>
    new MockActivityEnvironment({ heartbeatDetails }).run(async () =>
      countFailure(Context.current(), type),
    );
  expect(await counted(undefined, 'CommandFailed')).toBe(1);
  const four = { state: 'x', failure: { type: 'CommandFailed', count: 4 } };
  expect(await counted(four, 'CommandFailed')).toBe(5);
  expect(await counted(four, 'HostUnreachable')).toBe(1);
});
