/**
 * A signal that aborts after a time or when the caller's signal does. `clear` must be called: it lets go
 * of the caller's signal, which may live much longer than one request.
 */
export function abortableAfter(
  timeoutMs: number,
  outer: AbortSignal | undefined,
): { signal: AbortSignal; clear: () => void } {
  const controller = new AbortController();
  const forward = (): void => controller.abort(outer?.reason);
  const timer = setTimeout(() => controller.abort(new Error('time limit')), timeoutMs);
  if (outer?.aborted === true) forward();
  outer?.addEventListener('abort', forward, { once: true });
  const clear = (): void => {
    clearTimeout(timer);
    outer?.removeEventListener('abort', forward);
  };
  return { signal: controller.signal, clear };
}

/** Lets one waiter leave a shared piece of work that goes on for the others. Not begun for one who has left. */
export async function orAborted<T>(
  work: () => Promise<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  if (signal === undefined) return work();
  signal.throwIfAborted();
  let leave = (): void => {};
  const aborted = new Promise<never>((_, reject) => {
    leave = () => reject(signal.reason as Error);
    signal.addEventListener('abort', leave, { once: true });
  });
  try {
    return await Promise.race([work(), aborted]);
  } finally {
    signal.removeEventListener('abort', leave);
  }
}
