import pLimit, { type LimitFunction } from 'p-limit';

/** Lets at most so many calls with the same key be under way in this process; the others wait for their turn. */
export function limitByKey(limit: number) {
  const limits = new Map<string, LimitFunction>();
  return async <T>(key: string, call: () => Promise<T>): Promise<T> => {
    const turns = limits.get(key) ?? pLimit(limit);
    limits.set(key, turns);
    try {
      return await turns(call);
    } finally {
      if (turns.activeCount + turns.pendingCount === 0) limits.delete(key);
    }
  };
}
