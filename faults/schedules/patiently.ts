import { setTimeout as sleep } from 'node:timers/promises';

/** Looks again while the cloud or Temporal is away, or something is not there yet. */
export async function patiently<T>(look: () => Promise<T>, patienceMs = 20_000): Promise<T> {
  const deadline = Date.now() + patienceMs;
  for (;;) {
    try {
      return await look();
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await sleep(300);
    }
  }
}
