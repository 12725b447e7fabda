/** Lists are asked of Temporal in a query language: no value may become a condition of its own. */
import { Client, Connection } from '@temporalio/client';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { HawserClient } from '../../client/index.js';
import { InvalidInput } from '../../client/errors.js';
import { equals } from '../../workflows/model.js';
import { around, hostileText } from './inputs.js';
import { holds, patience } from './properties.js';

let connection: Connection;
let hawser: HawserClient;

beforeAll(async () => {
  connection = await Connection.connect({ address: inject('temporalAddress') });
  hawser = new HawserClient(new Client({ connection }));
});
afterAll(() => connection?.close());

const value = around(fc.constantFrom('generic', 'generic-1234-0'));

describe('a list', { timeout: patience }, () => {
  test('is asked for by one condition a value, or not at all', async () => {
    await holds('conditions of queries', value, (text) => {
      let condition: string;
      try {
        condition = equals('HawserBackend', text);
      } catch (error) {
        expect(error).toBeInstanceOf(RangeError);
        return;
      }
      expect(/^HawserBackend = '([^'"\\`]*)'$/.exec(condition)?.[1]).toBe(text);
    });
  });

  test('is refused in words, or answered by Temporal', async () => {
    const filter = fc.record(
      { status: hostileText, protocol: hostileText, backend: value, serviceInstance: value },
      { requiredKeys: [] },
    );
    await holds(
      'filters of lists',
      filter,
      async (asked) => {
        // Whatever the types say, a program may send any text.
        const answer: unknown = await hawser
          .listShares(asked as Parameters<HawserClient['listShares']>[0])
          .catch((error: unknown) => error);
        if (!Array.isArray(answer)) expect(answer).toBeInstanceOf(InvalidInput);
      },
      { of: 0.3 },
    );
  });
});
