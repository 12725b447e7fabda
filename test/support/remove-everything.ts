import { InstanceNotFound, ShareNotFound, type HawserClient } from '../../client/index.js';

const limitMs = 180_000;

/**
 * Deletes all shares, then all service instances. A cloud that stays must not keep what only the Temporal server of
 * this run knows, and what only its key opens. Tries all of it and says what stayed.
 */
export async function removeEverything(hawser: HawserClient): Promise<string[]> {
  const problems: string[] = [];
  const trying = async (work: Promise<unknown>) => {
    await work.catch((error: unknown) => problems.push(String(error)));
  };
  const shares = await hawser.listShares();
  await Promise.all(shares.map(({ id }) => trying(removeShare(hawser, id))));
  const instances = await hawser.listInstances();
  // One that was there before Hawser is its test's own.
  const ours = instances.filter(({ shareNetwork }) => shareNetwork !== null);
  for (const { id } of ours) await trying(removeInstance(hawser, id));
  return problems;
}

/** Also one that went since it was listed: lists lag behind. */
export async function removeShare(hawser: HawserClient, id: string): Promise<void> {
  const options = { signal: AbortSignal.timeout(limitMs) };
  // A busy one refuses; one that failed can be deleted all the same.
  await hawser.waitForShare(id, options).catch(() => undefined);
  try {
    for (const snapshot of await hawser.listSnapshots(id)) {
      await hawser.deleteSnapshot(id, snapshot.id);
    }
    await hawser.deleteShare(id);
    await hawser.waitUntilDeleted(id, options);
  } catch (error) {
    if (!(error instanceof ShareNotFound)) throw error;
  }
}

/** Also one that went since it was listed. */
export async function removeInstance(hawser: HawserClient, id: string): Promise<void> {
  try {
    await hawser.deleteInstance(id);
    await hawser.waitUntilInstanceDeleted(id, { signal: AbortSignal.timeout(limitMs) });
  } catch (error) {
    if (!(error instanceof InstanceNotFound)) throw error;
  }
}
