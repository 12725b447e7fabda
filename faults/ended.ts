/**
 * Aborts when somebody ends this process. What it started has sessions of its own and would go on; and npm, when it is
 * killed, does not tell what it runs.
 */
export function endedSignal(): AbortSignal {
  const ended = new AbortController();
  const parent = process.ppid;
  const end = () => ended.abort(new Error('ended from outside'));
  process.once('SIGINT', end).once('SIGTERM', end);
  setInterval(() => {
    if (process.ppid !== parent) end();
  }, 1000).unref();
  return ended.signal;
}
