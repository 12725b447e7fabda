import { DefaultLogger, Runtime } from '@temporalio/worker';
import { pino } from 'pino';

export type Log = ReturnType<typeof createLog>;

const createLog = () =>
  pino(
    { level: process.env['HAWSER_LOG_LEVEL'] ?? 'info' },
    pino.destination({ dest: 2, sync: true }),
  );

/** One JSON line an event on standard error, Temporal's own included. Call once a process. */
export function installLogger(): Log {
  const log = createLog();
  const levels = {
    TRACE: 'trace',
    DEBUG: 'debug',
    INFO: 'info',
    WARN: 'warn',
    ERROR: 'error',
  } as const;
  Runtime.install({
    logger: new DefaultLogger('INFO', ({ level, message, meta }) => {
      log[levels[level]](meta ?? {}, message);
    }),
  });
  return log;
}
