import { setTimeout as sleep } from 'node:timers/promises';
import type { HawserClient } from '../hawser-client.js';
import type { Progress } from '../progress.js';
import type { Watching } from './session.js';

/** Shows a share's steps while a request that says nothing before its end is under way. */
export const whileWatched = async <T>(
  client: HawserClient,
  shareId: string,
  watching: Watching,
  request: () => Promise<T>,
): Promise<T> => whileShown((options) => client.watchShare(shareId, options), watching, request);

/** The same for a service instance. */
export const whileInstanceWatched = async <T>(
  client: HawserClient,
  instanceId: string,
  watching: Watching,
  request: () => Promise<T>,
): Promise<T> =>
  whileShown((options) => client.watchInstance(instanceId, options), watching, request);

type Watch = (options: { signal: AbortSignal }) => AsyncIterable<Progress<unknown>>;

async function whileShown<T>(
  watch: Watch,
  { signal, onProgress }: Watching,
  request: () => Promise<T>,
): Promise<T> {
  const answered = new AbortController();
  void showSteps(watch, {
    signal: AbortSignal.any([signal, answered.signal]),
    onProgress,
  });
  try {
    return await request();
  } finally {
    answered.abort();
  }
}

async function showSteps(watch: Watch, { signal, onProgress }: Watching): Promise<void> {
  while (!signal.aborted) {
    try {
      for await (const progress of watch({ signal })) onProgress(progress);
    } catch {
      // Not there yet, or not to be asked now; what is wrong in earnest the request itself tells.
    }
    await sleep(250, undefined, { signal }).catch(() => undefined);
  }
}
