import { expect, vi } from 'vitest';
import type { TestCloud } from '../devcloud/test-cloud.js';

export interface HeldRequest {
  /** Returns when a request is there and waits. */
  arrived(): Promise<void>;
  /** Lets it be carried out. */
  release(): Promise<void>;
}

/** The next request of that operation waits for the test, before it has any effect. */
export async function holdRequest({ control }: TestCloud, operation: string): Promise<HeldRequest> {
  const effect = { delayMs: 60_000 };
  const planned = await control('POST', '/faults', { match: { operation }, effect });
  expect(planned.status, planned.text).toBe(201);
  const fault = planned.body as { id: string };
  const struck = async () => {
    const { body } = await control('GET', '/faults');
    expect(body).toMatchObject({ faults: [{ id: fault.id, struck: 1 }] });
  };
  return {
    arrived: () => vi.waitFor(struck, { timeout: 30_000 }),
    release: async () => {
      await control('DELETE', `/faults/${fault.id}`);
    },
  };
}
