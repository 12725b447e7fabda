/** Runs something that ends when its signal is given: by Ctrl-C, SIGTERM, or the terminal going away. */
export async function runUntilSignalled(
  run: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const stop = new AbortController();
  const onSignal = () => stop.abort();
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const name of signals) process.on(name, onSignal);
  try {
    await run(stop.signal);
  } finally {
    for (const name of signals) process.removeListener(name, onSignal);
  }
}
