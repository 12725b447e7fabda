import { setTimeout as sleep } from 'node:timers/promises';
import type { HawserClient } from '../hawser-client.js';
import type { Watching } from './session.js';

/** Shows a share's steps while a request that says nothing before its end is under way. */
export async function whileWatched<T>(
  client: HawserClient,
  shareId: string,
  { signal, onProgress }: Watching,
  request: () => Promise<T>,
): Promise<T> {
  const answered = new AbortController();
  void showSteps(client, shareId, {
    signal: AbortSignal.any([signal, answered.signal]),
    onProgress,
  });
  try {
    return await request();
  } finally {
    answered.abort();
  }
}

async function showSteps(client: HawserClient, shareId: string, { signal, onProgress }: Watching) {
  while (!signal.aborted) {
    try {
      for await (const progress of client.watchShare(shareId, { signal })) onProgress(progress);
    } catch {
      // Not there yet, or not to be asked now; what is wrong in earnest the request itself tells.
    }
    await sleep(250, undefined, { signal }).catch(() => undefined);
  }
}
