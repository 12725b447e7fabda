/** What people are shown: foreign text reaches no terminal as an order to it. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  describeInstance,
  describeShare,
  instanceTable,
  shareTable,
} from '../../client/cli/share-output.js';
import { describeStep } from '../../client/cli/steps.js';
import { list, printable, printableJson, table } from '../../client/cli/tables.js';
import { newShareView, type ServiceInstanceView, type ShareView } from '../../workflows/model.js';
import { hostileText } from './inputs.js';
import { holds, patience } from './properties.js';

/** All that moves a cursor, begins a sequence, or turns the direction of writing. */
const orders = /[^\P{Cc}\n]|\p{Bidi_Control}/u;

const share: fc.Arbitrary<ShareView> = fc
  .record({
    id: hostileText,
    name: hostileText,
    network: hostileText,
    path: hostileText,
    message: hostileText,
    note: hostileText,
  })
  .map(({ id, name, network, path, message, note }) => ({
    ...newShareView(
      { id, name, protocol: 'NFS', sizeGib: 1, shareNetwork: network, backend: name },
      '2026-01-01T00:00:00Z',
    ),
    status: 'available',
    exportLocations: [{ path, adminOnly: false }],
    accessRules: [{ id, type: 'ip', to: path, level: 'rw', state: 'active' }],
    notes: [note],
    error: { type: 'CommandFailed', message },
  }));

const instance: fc.Arbitrary<ServiceInstanceView> = fc
  .record({ id: hostileText, address: hostileText, message: hostileText })
  .map(({ id, address, message }) => ({
    id,
    backend: id,
    shareNetwork: null,
    status: 'error',
    serverId: id,
    address,
    shares: [id],
    maxShares: 1,
    operation: null,
    createdAt: '2026-01-01T00:00:00Z',
    error: { type: 'ServerFailed', message },
  }));

describe('a terminal', { timeout: patience }, () => {
  test('is shown shares', async () => {
    await holds(
      'shares on a terminal',
      share,
      (view) => {
        expect(describeShare(view) + shareTable([view])).not.toMatch(orders);
      },
      { of: 0.5 },
    );
  });

  test('is shown service instances', async () => {
    await holds(
      'service instances on a terminal',
      instance,
      (view) => {
        expect(describeInstance(view) + instanceTable([view])).not.toMatch(orders);
      },
      { of: 0.5 },
    );
  });

  test('is shown steps', async () => {
    const step = fc.record({
      step: hostileText,
      detail: hostileText,
      lastFailure: hostileText,
      attempt: fc.integer({ min: 1, max: 3 }),
      state: fc.constant('running' as const),
      operation: hostileText,
      workflowId: hostileText,
      sinceMs: fc.nat(),
    });
    await holds('steps on a terminal', step, (running) => {
      expect(describeStep(running)).not.toMatch(orders);
    });
  });

  test('is shown any text in tables of any width', async () => {
    const rows = fc.array(fc.tuple(hostileText, hostileText), { maxLength: 5 });
    await holds(
      'tables',
      fc.tuple(rows, fc.nat(100)),
      ([pairs, width]) => {
        const columns = [
          { title: 'A', value: ([a]: [string, string]) => a, mayShrink: true },
          { title: 'B', value: ([, b]: [string, string]) => b },
        ];
        expect(table(columns, pairs, width)).not.toMatch(orders);
        expect(list(pairs.map((values) => ['Name', ...values]))).not.toMatch(orders);
        for (const [text] of pairs) expect(printable(printable(text))).toBe(printable(text));
      },
      { of: 0.5 },
    );
  });

  test('is shown JSON, which programs read as it was', async () => {
    await holds(
      'JSON',
      fc.dictionary(hostileText, fc.oneof(hostileText, fc.jsonValue())),
      (value) => {
        const text = printableJson(value);
        expect(text).not.toMatch(orders);
        expect(JSON.stringify(JSON.parse(text))).toBe(JSON.stringify(value));
      },
    );
  });
});
