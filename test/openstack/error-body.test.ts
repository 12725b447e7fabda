import { describe, expect, test } from 'vitest';
import { parseRetryAfter, readComplaint } from '../../openstack/error-body.js';
import { OpenStackError, isNotFound, unlessNotFound } from '../../openstack/errors.js';

const json = (value: unknown): string => JSON.stringify(value);

describe('what a service says of a refusal', () => {
  test.each([
    [
      'Nova',
      json({ itemNotFound: { code: 404, message: 'Instance 1 could not be found.' } }),
      'itemNotFound',
      'Instance 1 could not be found.',
    ],
    [
      'Cinder',
      json({ overLimit: { code: 413, message: 'VolumeLimitExceeded', retryAfter: '0' } }),
      'overLimit',
      'VolumeLimitExceeded',
    ],
    [
      'Neutron',
      json({ NeutronError: { type: 'OverQuota', message: "for ['port']", detail: '' } }),
      'OverQuota',
      "for ['port']",
    ],
    ['an old Neutron', json({ NeutronError: 'it broke' }), 'NeutronError', 'it broke'],
    [
      'Keystone',
      json({ error: { code: 401, title: 'Unauthorized', message: 'Who?' } }),
      'Unauthorized',
      'Who?',
    ],
    [
      'Glance asked for JSON',
      json({
        code: '404 Not Found',
        title: 'Not Found',
        message: 'No image found<br /><br />\n\n',
      }),
      'Not Found',
      'No image found',
    ],
    [
      'Nova, of a microversion',
      json({
        errors: [{ status: 406, title: 'Not acceptable', detail: 'Version 9.9 is not supported' }],
      }),
      'Not acceptable',
      'Version 9.9 is not supported',
    ],
  ])('is understood from %s', (_, body, code, reason) => {
    expect(readComplaint(body)).toMatchObject({ code, reason });
  });

  test.each([
    [
      'a proxy’s page',
      '<html><head><title>404 Not Found</title></head><body><h1>404 Not Found</h1>nginx</body></html>',
      '404 Not Found nginx',
    ],
    [
      'a gateway’s JSON',
      json({ message: 'no Route matched with those values' }),
      'no Route matched with those values',
    ],
    ['plain text', 'Authentication required', 'Authentication required'],
    ['nothing', '', 'no reason given'],
    ['JSON that says nothing', '{}', 'no reason given'],
    ['JSON that is no object', '[1]', 'no reason given'],
    ['null', 'null', 'no reason given'],
  ])('has no code if it comes as %s', (_, body, reason) => {
    expect(readComplaint(body)).toMatchObject({ code: undefined, reason });
  });

  test('is cut when it is too long to read', () => {
    expect(readComplaint('x'.repeat(100_000)).reason).toHaveLength(1000);
  });

  test('carries the time to wait that Nova and Cinder put into the body', () => {
    const body = json({ overLimit: { code: 413, message: 'rate', retryAfter: 15 } });
    expect(readComplaint(body).retryAfterMs).toBe(15_000);
    const nonsense = json({ overLimit: { code: 413, message: 'rate', retryAfter: 'soon' } });
    expect(readComplaint(nonsense)).toMatchObject({ code: 'overLimit', retryAfterMs: undefined });
  });
});

test.each([
  ['30', 30_000],
  ['0', 0],
  ['Sun, 06 Nov 1994 08:49:40 GMT', 3000],
  ['Sun, 06 Nov 1994 08:49:30 GMT', 0],
  ['1e300', 3_600_000],
  ['-5', 0],
  ['Fri, 31 Dec 9999 23:59:59 GMT', 3_600_000],
  ['soon', undefined],
  ['', undefined],
  [undefined, undefined],
])('Retry-After "%s" is %s ms', (header, ms) => {
  expect(parseRetryAfter(header, Date.parse('1994-11-06T08:49:37Z'))).toBe(ms);
});

test('what is too long to be told is cut, and read in no time', () => {
  const page = readComplaint('<'.repeat(1_000_000));
  expect(page.reason).toHaveLength(1000);
  const { code, retryAfterMs } = readComplaint(
    JSON.stringify({ error: { type: 'x'.repeat(1e6), message: 'no', retryAfter: -1 } }),
  );
  expect(code).toHaveLength(100);
  expect(retryAfterMs).toBe(0);
});

describe('not found', () => {
  const refusal = (status: number, code?: string): OpenStackError =>
    new OpenStackError({
      service: 'compute',
      method: 'GET',
      url: 'http://cloud/servers/1',
      status,
      code,
      reason: 'gone',
    });

  test('is what the service itself calls so, not what a proxy says', () => {
    expect(isNotFound(refusal(404, 'itemNotFound'))).toBe(true);
    expect(isNotFound(refusal(404))).toBe(false);
    expect(isNotFound(refusal(409, 'conflictingRequest'))).toBe(false);
    expect(isNotFound(new Error('404'))).toBe(false);
  });

  test('becomes undefined; any other failure stays one', async () => {
    expect(await unlessNotFound(Promise.reject(refusal(404, 'itemNotFound')))).toBeUndefined();
    await expect(unlessNotFound(Promise.reject(refusal(404)))).rejects.toThrow('gone');
    expect(await unlessNotFound(Promise.resolve(7))).toBe(7);
  });
});
